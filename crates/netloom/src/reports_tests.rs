//! What a host says of its groups is what a real Linux said: `tests/groups`, whose head explains the form.

use crate::Machine;
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use std::fmt::Write;
use wire::mld::record;
use wire::{EthernetView, Icmpv6, Icmpv6View, Igmp, Ipv4View, Ipv6View, Mld, ethertype, protocol};

/// The records of a report in the words of the recording.
fn records(list: impl Iterator<Item = (u8, String)>) -> String {
    let word = |kind| match kind {
        record::IS_EXCLUDE => "IS_EX",
        record::TO_INCLUDE => "TO_IN",
        record::TO_EXCLUDE => "TO_EX",
        _ => "?",
    };
    list.map(|(kind, group)| format!("{} {group}", word(kind))).collect::<Vec<_>>().join(", ")
}

/// The line that the recording has for a frame; none for what is not about groups.
fn line(frame: &[u8]) -> Option<String> {
    let view = EthernetView::new(frame).ok()?;
    let (from, to, said) = match view.ethertype() {
        ethertype::IPV4 => {
            let packet = Ipv4View::new(view.payload()).ok()?;
            if packet.protocol() != protocol::IGMP {
                return None;
            }
            assert_eq!((packet.ttl(), packet.tos(), packet.header_length()), (1, 0xc0, 24));
            assert!(packet.checksum_is_right() && packet.dont_fragment());
            let said = match Igmp::parse(packet.payload()).expect("a message") {
                Igmp::ReportV1 { group } => format!("IGMPv1 report {group}"),
                Igmp::ReportV2 { group } => format!("IGMPv2 report {group}"),
                Igmp::Leave { group } => format!("IGMPv2 leave {group}"),
                Igmp::ReportV3 { records: all } => {
                    let all = all.iter().map(|one| (one.kind, one.group.to_string()));
                    format!("IGMPv3 {}", records(all))
                }
                other => format!("{other:?}"),
            };
            (packet.source().to_string(), packet.destination().to_string(), said)
        }
        ethertype::IPV6 => {
            let packet = Ipv6View::new(view.payload()).ok()?;
            let carried = packet.carried().ok()?;
            let Ok(Icmpv6::Mld(message)) = Icmpv6View::new(carried.payload).ok()?.content() else {
                return None;
            };
            assert_eq!((packet.hop_limit(), carried.router_alert), (1, Some(0)));
            let said = match message {
                Mld::Report { group } => format!("MLDv1 report {group}"),
                Mld::Done { group } => format!("MLDv1 done {group}"),
                Mld::ReportV2 { records: all } => {
                    let all = all.iter().map(|one| (one.kind, one.group.to_string()));
                    format!("MLDv2 {}", records(all))
                }
                other => format!("{other:?}"),
            };
            (packet.source().to_string(), packet.destination().to_string(), said)
        }
        _ => return None,
    };
    Some(format!("{from} > {to} {said}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// A machine, and a port where the recording was made.
struct Bench {
    machine: Machine<String>,
    port: PortId,
}

impl Bench {
    fn new(text: &str) -> Bench {
        let mut machine = Machine::new(0, String::new()).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("// before ")) {
            assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
        }
        let netns = machine.netns_named("w").unwrap();
        let (mut kernel, _) = machine.kernel();
        let ifindex = kernel.ifindex(netns, "e1").unwrap();
        let port = kernel.attach_port(netns, ifindex, PortKind::Socket).unwrap();
        drop(kernel);
        Bench { machine, port }
    }

    /// Does a step, and gives what came in the time that it was given. As in the recording each command takes some.
    fn step(&mut self, seconds: u64, what: &str) -> Vec<String> {
        let end = self.machine.kernel().1.0 + seconds * 1_000_000;
        match what.strip_prefix("put ") {
            Some(hex) => {
                let port = self.port;
                let (mut kernel, now) = self.machine.kernel();
                // Where the link is down nothing goes in.
                let _ = kernel.input(now, port, &[&bytes(hex)]);
            }
            None => {
                for line in what.split("; ") {
                    assert_eq!(self.machine.run_line(line), Ok(0), "{line}: {}", self.machine.console);
                }
            }
        }
        let mut lines = Vec::new();
        let (mut kernel, _) = self.machine.kernel();
        kernel.output(self.port, &mut |frame| lines.extend(line(frame)));
        drop(kernel);
        let now = self.machine.kernel().1.0;
        self.machine.pass(end.saturating_sub(now));
        let (mut kernel, now) = self.machine.kernel();
        assert!(now >= Instant(end));
        kernel.output(self.port, &mut |frame| lines.extend(line(frame)));
        lines
    }
}

#[test]
fn hosts_say_of_their_groups_what_linux_says() {
    let text = include_str!("../../../tests/groups/reports.txt");
    let mut bench = Bench::new(text);
    let mut complaints = String::new();
    for step in text.split("\n# ").skip(1) {
        let mut lines = step.trim_end().lines();
        let (seconds, what) = lines.next().unwrap().split_once(' ').unwrap();
        let got = bench.step(seconds.parse().unwrap(), what);
        // Between the families, and where each group is reported by itself, chance decides which comes first.
        let sorted = |lines: &[&str]| {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_string()).collect();
            if !lines.iter().any(|line| line.contains("v3") || line.contains("MLDv2")) {
                lines.sort();
            }
            lines.sort_by_key(|line| line.contains("MLD"));
            lines
        };
        let want = sorted(&lines.collect::<Vec<_>>());
        let got = sorted(&got.iter().map(String::as_str).collect::<Vec<_>>());
        if want != got {
            let _ = writeln!(complaints, "# {what}\n- {}\n+ {}", want.join("\n- "), got.join("\n+ "));
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}
