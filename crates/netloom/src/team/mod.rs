//! Teams on the command line: `teamnl`, and what `teamd` and `teamdctl` do, so far as a script needs them.
//!
//! [`wire`] speaks the generic netlink of teams, [`daemon`] is the policy of `teamd`, and [`hash`] the program that it gives
//! a team which balances.

mod control;
mod daemon;
mod hash;
mod teamnl;
mod wire;

pub(crate) use daemon::Daemons;
pub(crate) use teamnl::run as teamnl;

use crate::console::Console;
use crate::machine::Machine;

/// `teamd -t TEAM -c CONFIGURATION …`: begins to look after a team; with `-k` it ends that.
pub(crate) fn teamd<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    match daemon::run(machine, words) {
        Ok(()) => 0,
        Err(complaint) => fail(machine, &complaint),
    }
}

/// `teamdctl TEAM …`: asks a daemon, and tells it.
pub(crate) fn teamdctl<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match control::run(machine, &words) {
        Ok(text) => {
            machine.console.out(&text);
            0
        }
        Err(complaint) => fail(machine, &complaint),
    }
}

fn fail<C: Console>(machine: &mut Machine<C>, complaint: &str) -> i32 {
    if !complaint.is_empty() {
        machine.console.err(&format!("{complaint}\n"));
    }
    1
}

#[cfg(test)]
mod tests {
    use super::wire::Setting;
    use super::*;

    fn run(machine: &mut Machine<String>, line: &str, status: i32) -> String {
        machine.console.clear();
        assert_eq!(machine.run_line(line), Ok(status), "{line}: {}", machine.console);
        std::mem::take(&mut machine.console)
    }

    /// A team of three, whose far ends are ports of nothing, in a mode.
    fn lab(mode: &str) -> Machine<String> {
        let mut machine = Machine::new(0, String::new()).unwrap();
        run(
            &mut machine,
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
            0,
        );
        run(&mut machine, "ip link add team0 address 02:00:00:00:00:01 type team", 0);
        run(&mut machine, "ip netns add x", 0);
        run(&mut machine, &format!("teamnl team0 setoption mode {mode}"), 0);
        for at in 1..=3 {
            run(
                &mut machine,
                &format!("ip link add p{at} address 02:00:00:00:01:0{at} type veth peer name q{at} netns x"),
                0,
            );
            run(&mut machine, &format!("ip -n x link set q{at} up"), 0);
            run(&mut machine, &format!("ip link set p{at} master team0"), 0);
        }
        run(&mut machine, "ip link set team0 up", 0);
        machine
    }

    /// How many of six frames went out through each port, and how many the team dropped.
    fn sent(machine: &mut Machine<String>) -> ([u64; 3], u64) {
        let netns = machine.here();
        let read = |machine: &mut Machine<String>, name: &str, row: usize, at: usize| {
            let text = run(machine, &format!("ip -s link show {name}"), 0);
            text.lines().nth(row).unwrap().split_whitespace().nth(at).unwrap().parse::<u64>().unwrap()
        };
        let count = |machine: &mut Machine<String>| ["p1", "p2", "p3"].map(|port| read(machine, port, 5, 1));
        let (before, dropped) = (count(machine), read(machine, "team0", 5, 3));
        let (mut kernel, now) = machine.kernel();
        let team = kernel.ifindex(netns, "team0").unwrap();
        let socket = kernel.open_packet_socket(netns, team, 0x88b5).unwrap();
        for _ in 0..6 {
            kernel.send_packet(now, socket, [0xff; 6], &[0; 46]).unwrap();
        }
        drop(kernel);
        let after = count(machine);
        (std::array::from_fn(|at| after[at] - before[at]), read(machine, "team0", 5, 3) - dropped)
    }

    /// As recorded on a real Linux: six frames, three ports.
    #[test]
    fn modes_choose_ports() {
        assert_eq!(sent(&mut lab("roundrobin")), ([2, 2, 2], 0));
        assert_eq!(sent(&mut lab("broadcast")), ([6, 6, 6], 0));
        assert_eq!(sent(&mut lab("loadbalance")), ([6, 0, 0], 0));
        let mut active = lab("activebackup");
        assert_eq!(sent(&mut active), ([0, 0, 0], 6));
        let netns = active.here();
        let ifindex = active.kernel().0.ifindex(netns, "p2").unwrap();
        run(&mut active, &format!("teamnl team0 setoption activeport {ifindex}"), 0);
        assert_eq!(sent(&mut active), ([0, 6, 0], 0));
        let (ports, _) = sent(&mut lab("random"));
        assert_eq!(ports.iter().sum::<u64>(), 6);
    }

    #[test]
    fn options_are_told_and_set() {
        let mut machine = lab("roundrobin");
        let text = run(&mut machine, "teamnl team0 options", 0);
        assert!(text.ends_with(" notify_peers_count 0 \n mode roundrobin \n"), "{text}");
        assert!(text.contains(" user_linkup (port:p1) false \n enabled (port:p1) true \n"), "{text}");
        assert_eq!(run(&mut machine, "teamnl -p p2 team0 setoption enabled false", 0), "");
        assert_eq!(run(&mut machine, "teamnl -p p2 team0 getoption enabled", 0), "false\n");
        assert_eq!(sent(&mut machine).0, [3, 0, 3]);
        assert!(run(&mut machine, "teamnl team0 ports", 0).contains(" p1: up 10000Mbit FD"));
        for line in [
            "teamnl team0 setoption mode broadcast",
            "teamnl team0 setoption nosuch 1",
            "teamnl lo options",
            "teamnl nosuch ports",
            "teamnl",
        ] {
            assert!(!run(&mut machine, line, 1).is_empty(), "{line}");
        }
    }

    #[test]
    fn teamd_keeps_one_port_active() {
        let mut machine = Machine::new(0, String::new()).unwrap();
        for line in [
            "ip netns add x",
            "ip link add eth0 address 02:00:00:00:01:01 type veth peer name q0 netns x",
            "ip link add eth1 address 02:00:00:00:01:02 type veth peer name q1 netns x",
            "ip -n x link add br0 up type bridge",
            "ip -n x link set q0 up master br0",
            "ip -n x link set q1 up master br0",
            "ip -n x addr add 10.0.0.2/24 dev br0",
            "teamd -o -n -U -d -t team0 -c '{\"runner\": {\"name\": \"activebackup\"},\"link_watch\": {\"name\": \"ethtool\"}}'",
            "ip link set eth0 down",
            "ip link set eth1 down",
            "teamdctl team0 port add eth0",
            "teamdctl team0 port add eth1",
            "ip addr add 10.0.0.1/24 dev team0",
            "ip link set team0 up",
            "sleep 3",
            "ping -c 1 -W 1 10.0.0.2",
        ] {
            run(&mut machine, line, 0);
        }
        let active = |machine: &mut Machine<String>| run(machine, "teamdctl team0 state", 0);
        assert!(active(&mut machine).ends_with("active port: eth0\n"));
        run(&mut machine, "ip -n x link set q0 down", 0);
        run(&mut machine, "ping -c 1 -W 1 10.0.0.2", 0);
        assert!(active(&mut machine).ends_with("active port: eth1\n"));
        // One that comes back does not take over.
        run(&mut machine, "ip -n x link set q0 up", 0);
        assert!(active(&mut machine).ends_with("active port: eth1\n"));
        run(&mut machine, "teamdctl team0 port remove eth1", 0);
        assert!(active(&mut machine).ends_with("active port: eth0\n"));
        run(&mut machine, "ping -c 1 -W 1 10.0.0.2", 0);
        for line in
            ["teamd -t t1 -c '{'", "teamd -t t1 -c '{\"runner\": {\"name\": \"lacp\"}}'", "teamdctl lo state"]
        {
            run(&mut machine, line, 1);
        }
    }

    #[test]
    fn settings_show_as_text() {
        let setting = Setting {
            name: "priority".into(),
            port: None,
            index: None,
            kind: rtnl::team::NLA_S32,
            data: (-5i32).to_ne_bytes().to_vec(),
        };
        assert_eq!(setting.value_text(), "-5");
    }
}
