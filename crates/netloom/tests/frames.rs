//! Frames seen from outside: `netloom frames`, and `netloom run` with `--pcap` and `--trace`.

use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netloom")).args(arguments).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory of the test's own, gone when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("netloom-frames-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("there is room for a directory");
        Scratch(path)
    }

    /// Writes a file and gives its path.
    fn file(&self, name: &str, contents: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, contents).expect("there is room for a file");
        path.to_str().expect("the path is text").to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two veth pairs on a bridge: a broadcast from the one comes out of the other. Nothing answers it: the type is none
/// that a host stack knows.
const FRAME: &str = "ffffffffffff02000000000988b5000000000000000000000000000000000000";

fn case(egress: &str, refused: &str, counters: &str) -> String {
    let off = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
    let setup = [
        format!("sysctl -qw {off}"),
        "ip netns add w".into(),
        format!("ip netns exec w sysctl -qw {off}"),
        "ip link add br0 up type bridge".into(),
        "ip link add p0 up master br0 type veth peer name oa netns w".into(),
        "ip link add p1 up master br0 type veth peer name ob netns w".into(),
        "ip -n w link set oa up".into(),
        "ip -n w link set ob up".into(),
        "ip link set nothing up".into(),
    ];
    let setup: Vec<String> = setup.iter().map(|line| format!("{line:?}")).collect();
    format!(
        r#"{{"setup":[{}],"ports":{{"a":["w","oa"],"b":["w","ob"]}},"inject":[["a","{FRAME}"]],
        "egress":{egress},"refused":{refused},"counters":{counters}}}"#,
        setup.join(",")
    )
}

const REFUSED: &str = r#"[["ip link set nothing up","Cannot find device \"nothing\""]]"#;

#[test]
fn equal_and_differing_cases() {
    let scratch = Scratch::new("cases");
    let right = format!(r#"[[["b","{FRAME}"]]]"#);
    let equal = scratch.file("equal.json", &case(&right, REFUSED, "{}"));
    let output = run(&["frames", &equal]);
    assert_eq!((output.status.code(), out(&output)), (Some(0), format!("{equal}: equal\nequal 1 of 1\n")));

    let other = FRAME.replace("88b5", "88b6");
    let differs = scratch.file("differs.json", &case(&format!(r#"[[["b","{other}"]]]"#), "[]", "{}"));
    let output = run(&["frames", "--counters", &differs]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "+refused: ip link set nothing up: Cannot find device",
        "frame 0 into a: 02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff type 0x88b5 32 bytes",
        "-out of b: 02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff type 0x88b6 32 bytes",
        "+out of b: ",
        "counters of oa in w (rx, tx, rx dropped, tx dropped): -none +[",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.ends_with("equal 0 of 1, 1 differ\n"), "{text}");
    let output = run(&["frames", scratch.0.to_str().unwrap()]);
    assert!(out(&output).ends_with("equal 1 of 2, 1 differ\n"), "{}", out(&output));
}

#[test]
fn bad_cases() {
    let scratch = Scratch::new("bad");
    for (contents, what) in [
        ("", "this is not a frame case"),
        (r#"{"setup":["a | b"],"ports":{},"inject":[],"egress":[]}"#, "was not run"),
        (r#"{"setup":[],"ports":{},"inject":[["x","00"]],"egress":[[]]}"#, "there is no port `x`"),
    ] {
        let file = scratch.file("bad.json", contents);
        let output = run(&["frames", &file]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(what), "{complaint}");
    }
    // A device that is not there is the kernel's fault: the recorder found it.
    let file = scratch.file("gone.json", r#"{"setup":[],"ports":{"a":["","x"]},"inject":[],"egress":[]}"#);
    let output = run(&["frames", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("port a cannot be on x"), "{}", out(&output));
}

#[test]
fn captures_and_stories_are_of_one_embedded_machine() {
    let scratch = Scratch::new("watch");
    let commands = scratch.file("commands", "ip link add v0 type veth peer name v1\n");
    let directory = scratch.0.join("captures");
    let directory = directory.to_str().unwrap();
    let output = run(&["run", "--trace", "--pcap", directory, &commands]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).starts_with("# ip link add v0"), "{}", out(&output));
    assert!(std::fs::read_dir(directory).is_ok());
    assert_eq!(run(&["run", "--pcap", directory, &commands, &commands]).status.code(), Some(2));
    assert_eq!(run(&["run", "--pcap", &commands, &commands]).status.code(), Some(2));
    assert_eq!(run(&["--on", "linux", "run", "--trace", &commands]).status.code(), Some(2));
}

/// Every recorded frame case that stands in the project: same frames out of the same ports, same counters.
#[test]
fn recorded_cases_are_equal() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/frames");
    let output = run(&["frames", "--counters", cases]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
