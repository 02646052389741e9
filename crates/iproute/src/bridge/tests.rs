//! What the words of `bridge` make of themselves, against a kernel that says yes.

use super::*;
use crate::testing::{TestHost, split};

/// Runs a line and gives what was printed, and the status.
fn run_line(host: &mut TestHost, line: &str) -> (String, i32) {
    let status = bridge(host, &split(line));
    (std::mem::take(&mut host.written), status)
}

#[test]
fn refusals_have_the_tools_words_and_statuses() {
    let usage = options::usage().error;
    let cases: &[(&str, &str, i32)] = &[
        ("", &usage, 255),
        ("-h", &usage, 255),
        ("-b", &usage, 255),
        ("-V -x", "bridge utility, 6.1.0\n", 0),
        ("-ts link", "Option \"-ts\" is unknown, try \"bridge help\".\n", 255),
        ("-br link", "Option \"-br\" is unknown, try \"bridge help\".\n", 255),
        ("-f link link", "Error: argument \"link\" is wrong: invalid protocol family\n", 255),
        ("foo", "Object \"foo\" is unknown, try \"bridge help\".\n", 255),
        ("link foo", "Command \"foo\" is unknown, try \"bridge link help\".\n", 255),
        ("vlan glob", "Command \"glob\" is unknown, try \"bridge vlan help\".\n", 255),
        (
            "link set dev d0 learning maybe",
            "Error: argument of \"learning\" must be one of \"off\", \"on\", not \"maybe\"\n",
            234,
        ),
        ("link set dev nosuch cost 5", "Cannot find bridge device \"nosuch\"\n", 255),
        ("link set", "Device is a required argument.\n", 255),
        ("fdb add zz:zz dev d0", "Invalid mac address zz:zz\n", 255),
        ("fdb add dev d0", "Device and address are required arguments.\n", 255),
        ("fdb add 2:0:0:0:0:1 dev d0 dst x", "Error: any valid address is expected rather than \"x\".\n", 1),
        ("fdb show br nosuch", "Cannot find bridge device \"nosuch\"\n", 255),
        ("vlan add dev d0 vid 10-5", "Invalid VLAN range \"10-5\"\n", 255),
        ("vlan set dev nosuch vid 5", "Cannot find network device \"nosuch\"\n", 255),
        ("mdb add dev br0 port d0 grp 01:02:03:04:05", "Invalid address \"01\"\n", 255),
        ("monitor foo", "Argument \"foo\" is unknown, try \"bridge monitor help\".\n", 255),
    ];
    for (line, printed, status) in cases {
        let mut host = TestHost::with_two_names();
        assert_eq!(run_line(&mut host, line), (printed.to_string(), *status), "bridge {line}");
    }
}

#[test]
fn requests_are_those_of_the_tool() {
    let cases: &[(&str, &str)] = &[
        (
            "link set dev d0 cost 9 hairpin on state 3",
            "  19 0x5 070000000a0000000000000000000000 1c000c80 0500040001000000 0800030009000000 0500010003000000",
        ),
        (
            "fdb add 2:0:0:0:0:a dev d0 master vlan 1",
            "  28 0x605 070000000a000000c0000400 0a00020002000000000a0000 0600050001000000",
        ),
        ("fdb flush dev br0 nostatic", "  29 0x205 070000001400000000000200 0600100040000000"),
        (
            "vlan add dev d0 vid 10-12 untagged",
            "  19 0x5 070000000a0000000000000000000000 14001a00 080002000c000a00 0800020014000c00",
        ),
        (
            "vlan set dev d0 vid 10 state blocking",
            "  112 0x5 070000000a000000 14000180 0800010040000a00 0500030004000000",
        ),
        (
            "mdb add dev br0 port d0 grp 239.1.1.1 permanent vid 10",
            "  84 0x605 0700000014000000 200001000a00000001000a00ef01010100000000000000000000000008000000",
        ),
    ];
    for (line, request) in cases {
        let mut host = TestHost::with_two_names();
        assert_eq!(run_line(&mut host, line), (String::new(), 0), "bridge {line}");
        let (head, payload) = request.split_at(request.match_indices(' ').nth(3).map_or(0, |(at, _)| at + 1));
        assert_eq!(host.requests(), [format!("{head}{}", payload.replace(' ', ""))], "bridge {line}");
    }
}

#[test]
fn numbers_are_those_of_atoi() {
    assert_eq!(atoi("12x"), 12);
    assert_eq!(atoi(" -7"), -7);
    assert_eq!(atoi("x"), 0);
    assert_eq!(atoi("4294967297"), 1);
    assert_eq!(atoi("99999999999999999999"), -1);
    assert_eq!(strtol("+"), (0, "+"));
    assert_eq!(state_number("blocking"), Some(4));
    assert_eq!(state_number(""), None);
}
