//! Batches on Linux itself, in namespaces of their own: order, where they stop, and what they leave behind.
//!
//! Where the system does not permit such namespaces the tests say so and pass: nothing can be told there.

#![cfg(target_os = "linux")]

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_netloom");

/// Runs a script of the shell in a private corner of Linux, in which `$IP` is our `ip`, and gives what it printed;
/// nothing if there is no such corner to be had.
fn script(name: &str, text: &str) -> Option<String> {
    let file = std::env::temp_dir().join(format!("netloom-batch-{}-{name}", std::process::id()));
    let (ours, theirs) = (file.with_extension("sh"), file.with_extension("run"));
    std::fs::write(&ours, format!("IP='{PROGRAM} --on linux ip'\nexec 2>&1\n{text}"))
        .expect("room for a file");
    std::fs::write(&theirs, format!("sh {}\n", ours.display())).expect("room for a file");
    let output = Command::new(PROGRAM).args(["--on", "linux", "--private", "run"]).arg(&theirs).output();
    let output = output.expect("the program runs");
    for file in [ours, theirs] {
        let _ = std::fs::remove_file(file);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("--private cannot have") {
        eprintln!("skipped: {errors}");
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_batch_stops_exactly_at_the_line_that_fails() {
    let text = "\
        lines='link set lo mtu 1400\\nlink set lo mtu 1300\\nlink set nosuch up\\nlink set lo mtu 1200\\nnetns add late\\n'\n\
        printf \"$lines\" | $IP -batch -; echo status $?\n\
        $IP link show lo; ls /run/netns | wc -l\n\
        printf \"$lines\" | $IP -force -batch -; echo status $?\n\
        $IP link show lo; ls /run/netns\n";
    let Some(text) = script("stops", text) else { return };
    let (first, forced) = text.split_once("\n0\n").expect("no name was made");
    assert!(first.contains("Cannot find device \"nosuch\"\nCommand failed -:3\nstatus 1\n"), "{text}");
    assert!(first.contains("mtu 1300") && !first.contains("mtu 1200"), "{text}");
    assert!(forced.contains("Command failed -:3\nstatus 1\n"), "{text}");
    assert!(forced.contains("mtu 1200") && forced.contains("\nlate\n"), "{text}");
}

#[test]
fn a_line_is_carried_out_before_the_next_is_written() {
    let text = "\
        dir=$(mktemp -d); mkfifo $dir/in; $IP -batch - < $dir/in > $dir/out & exec 3> $dir/in\n\
        for name in one two; do\n\
          echo netns add $name >&3; echo netns list >&3\n\
          for i in $(seq 100); do grep -q \"^$name\" $dir/out && break; sleep 0.1; done\n\
          [ -e /run/netns/$name ] && echo \"seen $name\"\n\
          cat $dir/out\n\
        done\n\
        exec 3>&-; wait; rm -r $dir; echo ended\n";
    let Some(text) = script("fifo", text) else { return };
    assert!(text.contains("seen one\none\nseen two\none\ntwo\none\nended\n"), "{text}");
}

/// Namespaces are made ahead of their lines; nobody may notice.
#[test]
fn many_names_are_many_namespaces() {
    let text = "\
        dir=$(mktemp -d); cd $dir; for i in $(seq 40); do echo netns add n$i; done > names\n\
        $IP -batch names; echo status $?\n\
        ls /run/netns | wc -l; stat -L -c %i /run/netns/* /proc/self/ns/net | sort -u | wc -l\n\
        $IP -n n17 link set lo up; $IP -n n17 -br link; $IP -n n18 -br link\n\
        $IP -all netns del; ls /run/netns | wc -l\n\
        $IP netns add n3; $IP -batch names; echo status $?; ls /run/netns\n\
        rm -r $dir\n";
    let Some(text) = script("many", text) else { return };
    assert!(text.contains("status 0\n40\n41\n"), "each has one of its own: {text}");
    let up = "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n";
    let down = "lo               DOWN           00:00:00:00:00:00 <LOOPBACK> \n";
    assert!(text.contains(&format!("{up}{down}0\n")), "{text}");
    let refused = "Cannot create namespace file \"/run/netns/n3\": File exists\nCommand failed names:3\n\
                   status 1\nn1\nn2\nn3\n";
    assert!(text.contains(refused), "{text}");
}

#[test]
fn a_namespace_is_named_by_a_path_or_a_process() {
    let text = "\
        unshare -n sleep 60 & child=$!\n\
        for i in $(seq 50); do\n\
          [ $(readlink /proc/$child/ns/net) = $(readlink /proc/self/ns/net) ] || break; sleep 0.1\n\
        done\n\
        $IP -n /proc/$child/ns/net link; echo status $?\n\
        $IP -all netns exec true; echo status $?; mkdir -p /run/netns\n\
        $IP -n ../../proc/$child/ns/net link set lo up; $IP -n ../../proc/$child/ns/net -br link\n\
        $IP -br link show lo\n\
        $IP netns attach named $child; $IP netns identify $child; $IP netns pids named | grep -cx $child\n\
        if $IP link add v0 type veth peer name v1 2> /dev/null; then\n\
          $IP link set v0 netns $child; $IP -n named -br link show v0 | cut -c 1-5\n\
          $IP link set v1 netns /proc/$child/ns/net; $IP -n named -br link show v1 | cut -c 1-5\n\
        else printf 'v0@v1\\nv1@v0\\n'; fi\n\
        kill $child\n";
    let Some(text) = script("place", text) else { return };
    let up = "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n";
    let down = "lo               DOWN           00:00:00:00:00:00 <LOOPBACK> \n";
    // A name of a namespace is one in the directory of names, whatever it looks like.
    assert!(text.contains("/ns/net\": No such file or directory\nstatus 255\nstatus 0\n"), "{text}");
    assert!(text.contains(&format!("{up}{down}named\n1\n")), "{text}");
    assert!(text.contains("v0@if") && text.contains("v1@v0") || text.contains("v0@v1\nv1@v0"), "{text}");
}
