//! Routing domains on Linux itself: which control group a program is in, and what a batch makes of it.
//!
//! Groups are the machine's, whatever namespaces there are; so the test makes one of its own, stays below it and
//! removes it. That needs root. Where there is none to be had the test says so and passes: nothing can be told there.

#![cfg(target_os = "linux")]

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_netloom");

/// Runs a script of the shell in a private corner and in a control group `$G` of its own; `$IP` is our `ip`, and `in_red`
/// runs a script in the group of the domain `red`. Gives what it printed, with `G` for the group's path.
fn script(name: &str, text: &str) -> Option<String> {
    let file = std::env::temp_dir().join(format!("netloom-vrf-{}-{name}", std::process::id()));
    let own = format!("netloom-{}-{name}", std::process::id());
    let (ours, theirs) = (file.with_extension("sh"), file.with_extension("run"));
    let around = format!(
        "IP='{PROGRAM} --on linux ip'; exec 2>&1\n\
         mkdir -p /run/groups && mount -t cgroup2 none /run/groups || {{ echo skipped; exit 0; }}\n\
         before=$(sed -n 's/^0:://p' /proc/self/cgroup); G=/run/groups/{own}\n\
         mkdir $G && echo 0 > $G/cgroup.procs || {{ echo skipped; exit 0; }}\n\
         in_red() {{ mkdir -p $G/vrf/red; (echo 0 > $G/vrf/red/cgroup.procs; eval \"$1\"); }}\n\
         run() {{ {text}\n}}\n\
         run < /dev/null\n\
         echo $$ > /run/groups$before/cgroup.procs\n\
         find $G -depth -type d -exec rmdir {{}} ';'; [ -e $G ] && echo left\n"
    );
    std::fs::write(&ours, around).expect("room for a file");
    std::fs::write(&theirs, format!("sh {}\n", ours.display())).expect("room for a file");
    let output = Command::new(PROGRAM).args(["--on", "linux", "--private", "run"]).arg(&theirs).output();
    let output = output.expect("the program runs");
    for file in [ours, theirs] {
        let _ = std::fs::remove_file(file);
    }
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if text.contains("skipped") || text.contains("--private cannot have") {
        eprintln!("skipped: no control group to be had here: {text}");
        return None;
    }
    Some(text.replace(&format!("/{own}"), "G"))
}

#[test]
fn a_program_leaves_its_domain_and_its_caller_stays() {
    let text = "\
        $IP netns add a\n\
        echo own $($IP vrf identify); $IP vrf exec default cat /proc/self/cgroup | grep ^0\n\
        in_red '$IP vrf identify; $IP vrf exec default $IP vrf identify; $IP netns exec a grep ^0 /proc/self/cgroup\n\
        printf \"vrf exec default grep ^0 /proc/self/cgroup\\nvrf identify\\n\" | $IP -batch -'\n\
        in_red 'exec $IP -all netns exec grep ^0 /proc/self/cgroup'\n\
        in_red 'sleep 60 & $IP -n a vrf exec default grep ^0 /proc/self/cgroup; $IP vrf identify $!; kill $!'\n";
    let Some(text) = script("leaves", text) else { return };
    let want = "own\n0::G/vrf\nred\n0::G/vrf\n0::G/vrf\nred\n\nnetns: a\n0::G/vrf\n0::G/a-ns/vrf\nred\n";
    assert!(text.contains(want) && !text.contains("left"), "{text}");
}

#[test]
fn a_domain_that_is_not_there_fails_one_line() {
    let text = "\
        $IP vrf exec nosuch true; echo status $?\n\
        printf 'vrf exec nosuch true\\nvrf exec default echo on\\n' | $IP -force -batch -; echo status $?\n\
        printf 'vrf exec default sh -c \"kill -9 $$\"\\nlink show nosuch\\n' | $IP -force -batch -; echo status $?\n\
        $IP vrf exec default sh -c 'exit 7'; echo status $?\n\
        $IP vrf exec default nosuch; echo status $?\n";
    let Some(text) = script("fails", text) else { return };
    let want = "Invalid VRF name\nstatus 255\nInvalid VRF name\nCommand failed -:1\non\nstatus 1\nstatus 1\nstatus 7\n\
                exec of \"nosuch\" failed: No such file or directory\nstatus 1\n";
    assert!(text.contains(want) && !text.contains("left"), "{text}");
}

#[test]
fn sockets_are_bound_and_processes_are_found() {
    let text = "\
        $IP link add red type vrf table 10 2> /dev/null || { echo skipped: no vrf; return; }\n\
        $IP link set lo up\n\
        $IP vrf exec red bash -c 'exec 2>/dev/null 3<>/dev/udp/127.0.0.1/9'; echo status $?\n\
        $IP vrf exec red sleep 60 & for i in $(seq 50); do $IP vrf pids red | grep -q sleep && break; sleep 0.1; done\n\
        $IP vrf pids red | sed 's/^ *[0-9]* /pid /'; $IP vrf identify $!; kill $!; wait $!\n";
    let Some(text) = script("bound", text) else { return };
    assert!(text.contains("status 1\npid  sleep\nred\n") && !text.contains("left"), "{text}");
}
