//! The program from outside: what it prints, what it refuses, and how it exits.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn netloom() -> Command {
    Command::new(env!("CARGO_BIN_EXE_netloom"))
}

fn run(arguments: &[&str]) -> Output {
    netloom().args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

/// Runs with something on standard input, which the program need not read to its end.
fn feed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = netloom()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has a standard input");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    output
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", err(output)))
}

/// A file of the test's own, gone when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, contents: &[u8]) -> Scratch {
        let path = std::env::temp_dir().join(format!("netloom-{}-{name}", std::process::id()));
        std::fs::write(&path, contents).expect("there is room for a file");
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn runs_commands_as_a_shell_does() {
    let output = feed(
        &["run", "-"],
        b"// a note\nnic ens3 52:54:00:12:34:56\n\nfoo\nfalse\n/x/y\necho  a 'b  c' # d\n",
    );
    let want = "// a note\n// nic ens3 52:54:00:12:34:56\n\n# foo\nbash: line 1: foo: command not found\n[exit 127]\n\n\
                # false\n[exit 1]\n\n# /x/y\nbash: line 1: /x/y: No such file or directory\n[exit 127]\n\n\
                # echo  a 'b  c' # d\na b  c\n";
    assert_eq!((out(&output).as_str(), status(&output)), (want, 0));
}

#[test]
fn runs_only_the_commands_of_notes() {
    let output = feed(&["run", "-"], b"Some words.\n\n# echo one\nwhat it printed\n\n# echo two\n");
    assert_eq!(out(&output), "# echo one\none\n\n# echo two\ntwo\n");
    let again = feed(&["run", "--form", "commands", "-"], b"# echo one\n");
    assert_eq!(out(&again), "# # echo one\n");
}

#[test]
fn stops_when_told_to() {
    let output = feed(&["run", "--fail-fast", "-"], b"true\nfalse\necho not this\n");
    assert_eq!((out(&output).as_str(), status(&output)), ("# true\n\n# false\n[exit 1]\n", 1));
    assert_eq!(status(&feed(&["run", "-k", "-"], b"false\n")), 0);
    assert_eq!(status(&feed(&["run", "-k", "--fail-fast", "-"], b"")), 2);
}

#[test]
fn names_lines_that_are_not_understood() {
    let output = feed(&["run", "-"], b"true\nip link | grep x\necho on\n");
    assert_eq!(status(&output), 2);
    assert!(
        out(&output).contains("netloom: standard input:2: `|` (a pipe) is not understood"),
        "{}",
        out(&output)
    );
    assert!(out(&output).contains("[exit 2]") && out(&output).ends_with("on\n"), "{}", out(&output));
    assert!(err(&output).contains("standard input:2: "), "{}", err(&output));
}

#[test]
fn refuses_what_is_no_file_of_commands() {
    let nul = Scratch::new("nul", b"true\n\0\0");
    let latin = Scratch::new("latin", b"true\ntrue\necho \xe4\n");
    let directory = std::env::temp_dir();
    let directory = directory.to_str().unwrap();
    for (file, want) in [
        ("/nosuch/file", "/nosuch/file: there is no such file"),
        (directory, "it is a directory"),
        (nul.path(), "-nul:2: this is not text (there is a zero byte in it)"),
        (latin.path(), "-latin:3: this is not text (it is not valid UTF-8)"),
    ] {
        let output = run(&["run", file]);
        assert_eq!(status(&output), 2, "{file}");
        assert!(err(&output).contains(want), "{file}: {}", err(&output));
    }
    for arguments in
        [&["run"][..], &["verify"], &["run", "--nic", "a/b", "-"], &["run", "--seed", "x", "-"], &[]]
    {
        let output = run(arguments);
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(err(&output).contains("Usage") || err(&output).contains("--help"), "{}", err(&output));
    }
}

#[test]
fn an_endless_line_ends() {
    let mut child = netloom()
        .args(["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has a standard input");
    let chunk = vec![b'a'; 1 << 16];
    let written = (0..1 << 16).take_while(|_| stdin.write_all(&chunk).is_ok()).count();
    drop(stdin);
    assert!(written < 1 << 10, "it read {written} chunks");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("standard input:1: the line is longer than 1 MiB"), "{}", err(&output));
}

#[test]
fn many_commands_take_linear_time() {
    let lines = Scratch::new("many", "true\n".repeat(200_000).as_bytes());
    let begun = Instant::now();
    let output = run(&["run", lines.path()]);
    assert_eq!(status(&output), 0);
    assert_eq!(output.stdout.len(), "# true\n\n".len() * 200_000 - 1);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_reader_may_go() {
    let lines = Scratch::new("head", "echo line\n".repeat(100_000).as_bytes());
    for verb in ["run", "verify"] {
        let mut child = netloom()
            .args([verb, lines.path()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = child.stdout.take().expect("it has a standard output");
        let mut first = [0; 1];
        let _ = stdout.read(&mut first);
        drop(stdout);
        let output = child.wait_with_output().expect("the program ends");
        assert!(
            output.status.code().is_some() && !err(&output).contains("panic"),
            "{verb}: {}",
            err(&output)
        );
    }
}

#[test]
fn time_is_virtual() {
    let begun = Instant::now();
    let output = feed(&["run", "-"], b"sleep 3600\nsleep infinity\nsleep x\nsleep\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(out(&output).contains("more than a year"), "{}", out(&output));
    assert!(
        out(&output).contains("sleep: invalid time interval ‘x’\nTry 'sleep --help'"),
        "{}",
        out(&output)
    );
    assert!(out(&output).contains("sleep: missing operand"), "{}", out(&output));
}

#[test]
fn several_files_have_a_machine_each() {
    let one = Scratch::new("one", b"ip netns add a\nip netns\n");
    let output = run(&["run", one.path(), one.path()]);
    let text = out(&output);
    assert_eq!(text.matches("# ip netns\na\n").count(), 2, "{text}");
    assert!(text.starts_with(&format!("// {}\n", one.path())), "{text}");
}

#[test]
fn nesting_ends() {
    let line = format!("ip netns add a\n{} echo deep\n", "ip netns exec a ".repeat(60_000));
    let background = line.replace("echo deep", "ip monitor link &");
    for lines in [line, background] {
        let text = out(&feed(&["run", "-"], lines.as_bytes()));
        assert!(text.contains("Too many levels of symbolic links"), "{}", text.len());
    }
}

#[test]
fn a_namespace_lives_while_a_command_is_in_it() {
    let lines = b"ip netns add a\nip -n a link add d0 type dummy\n\
                  ip netns exec a ip netns del a\nip netns\nip -n a link\n";
    let text = out(&feed(&["run", "-"], lines));
    assert!(text.ends_with("# ip netns\n\n# ip -n a link\nCannot open network namespace \"a\": No such file or directory\n[exit 255]\n"), "{text}");
}

#[test]
fn a_monitor_prints_behind_what_it_saw() {
    let lines = b"ip monitor link &\nip link add d0 type dummy\ntrue\nip link set d0 up\nip link & ip link\n";
    let output = feed(&["run", "-"], lines);
    let text = out(&output);
    let blocks: Vec<&str> = text.split("\n# ").collect();
    assert!(blocks[1].starts_with("ip link add d0 type dummy\n2: d0: "), "{text}");
    assert_eq!(blocks[2], "true\n", "{text}");
    assert!(blocks[3].contains("UP"), "{text}");
    assert!(blocks[4].contains("is not understood"), "{text}");
    assert_eq!(text, out(&feed(&["run", "-"], lines)));
}

#[test]
fn verifies() {
    let equal = Scratch::new("equal.txt", b"# echo a\na\n\n# false\n[exit 1]\n");
    let differs = Scratch::new("differs.txt", b"# true\n\n# echo b\nc\n");
    let output = run(&["verify", equal.path()]);
    assert_eq!((status(&output), out(&output)), (0, format!("{}: equal\nequal 1 of 1\n", equal.path())));
    let output = run(&["verify", equal.path(), differs.path()]);
    assert_eq!(status(&output), 1);
    assert!(out(&output).contains("@@ line 4 @@ # echo b\n    -c\n    +b\n"), "{}", out(&output));
    assert!(out(&output).ends_with("equal 1 of 2, 1 differ\n"), "{}", out(&output));
    let name = |scratch: &Scratch| scratch.0.file_name().unwrap().to_str().unwrap().to_string();
    let list = Scratch::new("list", format!("{} a reason\n", name(&differs)).as_bytes());
    let output = run(&["verify", "--exceptions", list.path(), equal.path(), differs.path()]);
    assert_eq!(status(&output), 0);
    assert!(out(&output).contains("expected to differ: a reason\n"), "{}", out(&output));
    let list = Scratch::new("stale", format!("{} a reason\n", name(&equal)).as_bytes());
    let output = run(&["verify", "--exceptions", list.path(), equal.path()]);
    assert_eq!(status(&output), 1);
    assert!(out(&output).contains("no longer differs"), "{}", out(&output));
    assert_eq!(status(&run(&["verify", "/nosuch"])), 2);
}

#[test]
fn the_shell_takes_notes_without_a_terminal() {
    let notes = b"echo typed\n# echo pasted\npasted\n    bridge x\nSome words\necho typed again\nnic ens3\nexit\necho no\n";
    let output = feed(&["shell"], notes);
    assert_eq!(
        (out(&output).as_str(), status(&output)),
        ("typed\npasted\ntyped again\n", 0),
        "{}",
        err(&output)
    );
    assert_eq!(status(&feed(&["shell"], b"false\n")), 1);
    let output = feed(
        &["shell"],
        b"ip netns add a\nip netns exec a bash\nip netns identify\nexit\nip netns identify\n",
    );
    // Without a name there is an empty line, as the tool prints it.
    assert_eq!(out(&output), "a\n\n");
}

#[test]
fn teaches() {
    let output = run(&["--help"]);
    assert!(out(&output).contains("netloom run examples/notes.txt"), "{}", out(&output));
    assert!(out(&run(&["run", "--help"])).contains("Exit status"));
    let output = run(&["--version"]);
    assert!(out(&output).contains("iproute2 6.1.0") && out(&output).contains("Linux 6.1"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&run(&["completions", shell])).contains("netloom"));
    }
}
