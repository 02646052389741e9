//! The program on Linux itself, always in namespaces of its own: the machine's links are never touched.
//!
//! Where the system does not permit such namespaces the tests say so and pass: nothing can be told there.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_netloom");

/// Runs lines in a private corner of Linux; nothing if there is none to be had.
fn run_private(lines: &str) -> Option<String> {
    let output = feed(&["--on", "linux", "--private", "run", "-"], lines);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("--private cannot have") {
        assert_eq!(output.status.code(), Some(2));
        eprintln!("skipped: {errors}");
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn feed(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it has an input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("the program ends")
}

/// Runs a script of the shell in a private corner of Linux, in which `$IP` is our `ip`.
fn script(name: &str, text: &str) -> Option<String> {
    let path = std::env::temp_dir().join(format!("netloom-linux-{}-{name}", std::process::id()));
    std::fs::write(&path, format!("IP='{PROGRAM} --on linux ip'\nexec 2>&1\n{text}"))
        .expect("room for a file");
    let said = run_private(&format!("sh {}\n", path.display()));
    let _ = std::fs::remove_file(&path);
    said
}

/// What this test's own namespaces look like from outside of any that a test makes.
fn here() -> String {
    let links = Command::new(PROGRAM).args(["--on", "linux", "ip", "-br", "link"]).output().expect("links");
    let names = std::fs::read_dir("/run/netns").map(|entries| entries.count()).unwrap_or(0);
    format!("{names} {}", String::from_utf8_lossy(&links.stdout))
}

#[test]
fn a_private_corner_touches_nothing_outside() {
    let before = here();
    let lines = "ip netns add blue\nip netns\nip -n blue link set lo up\nip -n blue -br link\nip link del lo\n\
                 ip netns exec blue cat /sys/class/net/lo/flags\nip netns add blue\n";
    let Some(text) = run_private(lines) else { return };
    assert!(text.contains("# ip netns\nblue\n"), "{text}");
    assert!(
        text.contains("lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>"),
        "{text}"
    );
    assert!(text.contains("# ip link del lo\n[exit 2]"), "{text}");
    assert!(text.contains("# ip netns add blue\n[exit 1]"), "{text}");
    assert_eq!(before, here());
}

#[test]
fn a_private_corner_is_for_linux() {
    let output = feed(&["--private", "ip", "link"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--private is for `--on linux`"));
}

/// Waits for what a monitor prints, and ends it.
const HEAR: &str = "for i in 1 2 3 4 5 6 7 8 9 10; do grep -q \"$want\" $out && break; sleep 0.2; done\nkill $!\ncat $out\nrm $out\n";

#[test]
fn a_monitor_hears_other_namespaces() {
    let text = format!(
        "out=$(mktemp)\nwant='nsid 3.*UP'\n$IP netns add a\n$IP netns set a 3\n\
         $IP monitor all-nsid link > $out 2>&1 &\nsleep 0.5\n$IP link set lo up\n$IP -n a link set lo up\n{HEAR}"
    );
    let Some(text) = script("all-nsid", &text) else { return };
    assert!(text.contains("[nsid current]1: lo: <LOOPBACK,UP,LOWER_UP>"), "{text}");
    assert!(text.contains("[nsid 3]1: lo: <LOOPBACK,UP,LOWER_UP>"), "{text}");
}

#[test]
fn a_monitor_says_what_it_lost_and_goes_on() {
    let text = format!(
        "out=$(mktemp)\nwant='mtu 1234'\n$IP -rcvbuf 4096 monitor link > $out 2>&1 &\nsleep 0.5\nkill -STOP $!\n\
         for i in $(seq 40); do echo link set lo up; echo link set lo down; done | $IP -batch -\n\
         kill -CONT $!\nsleep 0.5\n$IP link set lo mtu 1234\n{HEAR}"
    );
    let Some(text) = script("overrun", &text) else { return };
    assert_eq!(text.matches("netlink receive error No buffer space available (105)\n").count(), 1, "{text}");
    assert!(text.contains("mtu 1234"), "{text}");
}

#[test]
fn names_of_namespaces_are_heard_of() {
    let text = format!(
        "out=$(mktemp)\nwant='delete blue'\n$IP netns monitor > $out 2>&1 &\nsleep 0.5\n\
         $IP netns add blue\n$IP netns add red\n$IP netns del blue\n{HEAR}"
    );
    let Some(text) = script("names", &text) else { return };
    assert!(text.contains("add blue\nadd red\ndelete blue\n"), "{text}");
}

/// Many names are made and removed by a program that is killed at any point, again and again.
#[test]
fn a_killed_batch_leaves_no_half_made_name() {
    let text = "\
        batch=$(mktemp)\n\
        for i in $(seq 300); do\n\
          echo netns add n$i; [ $((i % 3)) = 0 ] && echo netns del n$((i - 1))\n\
        done > $batch\n\
        names=0; half=0\n\
        for delay in 0.01 0.02 0.013 0.03 0.017 0.025 0.04 0.011 0.008 0.006 0.05 0.021; do\n\
          $IP -batch $batch & child=$!\n\
          sleep $delay; kill -9 $child; wait $child; sleep 0.1\n\
          for file in /run/netns/*; do\n\
            [ -e $file ] || continue\n\
            names=$((names + 1))\n\
            [ $(stat -f -c %T $file) = nsfs ] || half=$((half + 1))\n\
            umount $file; rm $file\n\
          done\n\
        done\n\
        rm $batch\n\
        echo names $names\n\
        echo half $half\n";
    let Some(text) = script("killed", text) else { return };
    let count = |what: &str| {
        text.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<u32>().ok()).expect("a count")
    };
    assert!(count("names ") > 0, "it was killed before it did anything: {text}");
    assert_eq!(count("half "), 0, "{text}");
}

#[test]
fn an_existing_name_is_never_touched() {
    let text = "\
        mkdir -p /run/netns; echo mine > /run/netns/file\n\
        mkdir /run/netns/directory\n\
        ln -s /nowhere /run/netns/link\n\
        $IP netns add real; before=$(stat -L -c %i /run/netns/real)\n\
        for name in file directory link real; do\n\
          $IP netns add $name; echo status $?\n\
          $IP netns attach $name $$; echo status $?\n\
        done\n\
        cat /run/netns/file; readlink /run/netns/link\n\
        [ $(stat -L -c %i /run/netns/real) = $before ] && echo same\n";
    let Some(text) = script("existing", text) else { return };
    assert_eq!(text.matches("status 1\n").count(), 8, "{text}");
    assert!(text.contains("mine\n/nowhere\nsame\n"), "{text}");
}

#[test]
fn the_tools_in_a_namespace_are_ours() {
    // Nothing is in PATH, so that no other `ip` can be meant.
    let text = "PATH=$PATH; $IP netns add a; $IP netns add b\n\
        PATH=/nowhere $IP netns exec a ip -br link; echo status $?\n\
        PATH=/nowhere $IP netns exec a ip link show nosuch; echo status $?\n\
        PATH=/nowhere $IP netns exec a ip netns identify; echo status $?\n\
        PATH=/nowhere $IP -all netns exec bridge -j link; echo status $?\n\
        PATH=/nowhere $IP netns exec a ls; echo status $?\n";
    let Some(text) = script("tools", text) else { return };
    let want = "lo               DOWN           00:00:00:00:00:00 <LOOPBACK> \nstatus 0\n\
        Device \"nosuch\" does not exist.\nstatus 1\na\nstatus 0\n\
        \nnetns: b\n[]\n\nnetns: a\n[]\nstatus 0\n\
        exec of \"ls\" failed: No such file or directory\nstatus 1\n";
    assert!(text.contains(want), "{text}");
}

#[test]
fn what_is_missing_is_named_behind_the_tools_words() {
    let text = format!(
        "$IP link add d0 type nosuch; echo status $?\n\
         echo link add d0 type nosuch | $IP -batch -; echo status $?\n\
         dir=$(mktemp -d); ln -s {PROGRAM} $dir/ip; $dir/ip link add d0 type nosuch; echo status $?; rm -r $dir\n"
    );
    let Some(text) = script("missing", &text) else { return };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# ")).collect();
    let is_hint = |line: &str| {
        line.starts_with("netloom: this kernel (")
            && line.contains(") has no link type \"nosuch\"")
            && (line.contains("`modprobe nosuch`") || line.contains("loads no modules"))
    };
    assert_eq!(lines[0], "Error: Unknown device type.", "{text}");
    assert!(is_hint(lines[1]), "{text}");
    assert_eq!(lines[2..5], ["status 2", "Error: Unknown device type.", "Command failed -:1"], "{text}");
    assert!(is_hint(lines[5]), "{text}");
    assert_eq!(lines[6..9], ["status 1", "Error: Unknown device type.", "status 2"], "{text}");
}
