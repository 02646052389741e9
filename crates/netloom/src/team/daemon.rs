//! `teamd`: what its runners and its link watch do to a team, here between commands.
//!
//! The link watch is `ethtool`'s: a port is as good as its carrier. With the runner `activebackup` one port is in use:
//! the one that is, while it has a link; else the one with a link of the highest `prio`, of those the fastest, of those
//! the first. A better one takes over unless the one in use is `sticky` or just as good. All ports have the team's
//! address, which is its first port's. The other runners set the mode alone. Left out: the runner `lacp`, the other
//! link watches, `tx_hash`, and the state that `teamdctl` tells in full.

use super::wire::{Port, Team};
use crate::console::Console;
use crate::machine::Machine;
use iproute::host::Host;
use kernel::NetnsId;
use serde_json::Value;

/// Daemons at most.
const DAEMONS: usize = 64;
/// The runners that set a mode of the same name.
const RUNNERS: &[&str] = &["roundrobin", "broadcast", "random", "activebackup", "loadbalance"];

struct Daemon {
    netns: NetnsId,
    device: String,
    /// What was configured: JSON.
    config: Value,
    runner: String,
    /// The port in use.
    active: Option<u32>,
    /// Ports that were seen.
    known: Vec<u32>,
}

/// All that run.
#[derive(Default)]
pub(crate) struct Daemons {
    running: Vec<Daemon>,
}

impl Daemons {
    /// Whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

/// Runs `ip` for the daemon; its complaint if it fails.
fn ip<C: Console>(machine: &mut Machine<C>, line: &str) -> Result<(), String> {
    let words: Vec<String> = std::iter::once("ip").chain(line.split(' ')).map(String::from).collect();
    match machine.execute(&words) {
        Ok(0) => Ok(()),
        _ => Err(format!("teamd: \"ip {line}\" failed.")),
    }
}

/// The words behind `teamd`: the team and its configuration.
fn read(words: &[String]) -> Result<(Option<String>, Value), String> {
    let (mut device, mut config) = (None, Value::Null);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" | "--team-dev" => device = words.next().cloned(),
            "-c" | "--config" => {
                let text = words.next().map_or("", String::as_str);
                config = serde_json::from_str(text).map_err(|_| "Failed to parse config.")?;
            }
            "-o" | "-n" | "-U" | "-d" | "-r" | "-N" => {}
            other => return Err(format!("netloom: teamd: {other} is not built")),
        }
    }
    let device = device.or_else(|| config["device"].as_str().map(String::from));
    Ok((device, config))
}

/// Starts to look after a team, which is made if it is not there.
pub(super) fn start<C: Console>(machine: &mut Machine<C>, words: &[String]) -> Result<(), String> {
    let (device, config) = read(words)?;
    let device = device.ok_or("Team device name not specified.")?;
    let runner = config["runner"]["name"].as_str().unwrap_or("roundrobin").to_string();
    if !RUNNERS.contains(&runner.as_str()) {
        return Err(format!("No runner named \"{runner}\" available."));
    }
    let netns = machine.here();
    let taken = machine.team.running.iter().any(|daemon| daemon.netns == netns && daemon.device == device);
    if taken || machine.team.running.len() >= DAEMONS {
        return Err(format!("Daemon already running for {device}."));
    }
    if machine.kernel().0.ifindex(netns, &device).is_none() {
        let address =
            config["hwaddr"].as_str().map_or(String::new(), |address| format!(" address {address}"));
        ip(machine, &format!("link add name {device}{address} type team"))?;
    }
    let team = Team::open(machine, netns, &device)?;
    if team.option(machine, "mode", None)?.value_text() != runner {
        team.set_text(machine, "mode", None, &runner)?;
    }
    let told = if runner == "activebackup" { "1" } else { "0" };
    for name in ["notify_peers", "mcast_rejoin"] {
        let count = config[name]["count"].as_u64().map_or(told.into(), |count| count.to_string());
        team.set_text(machine, &format!("{name}_count"), None, &count)?;
    }
    let ports: Vec<String> =
        config["ports"].as_object().map_or(Vec::new(), |all| all.keys().cloned().collect());
    let daemon = Daemon { netns, device: device.clone(), config, runner, active: None, known: Vec::new() };
    machine.team.running.push(daemon);
    for port in ports {
        add_port(machine, &device, &port)?;
    }
    Ok(())
}

/// Takes a port, with the team's address; the first gives the team its own.
fn add_port<C: Console>(machine: &mut Machine<C>, device: &str, port: &str) -> Result<(), String> {
    let netns = machine.here();
    let team = Team::open(machine, netns, device)?;
    let first = team.ports(machine)?.is_empty();
    let index = machine.kernel().0.ifindex(netns, port);
    let index = index.ok_or_else(|| format!("Device \"{port}\" does not exist."))?;
    let fixed = machine.team.running.iter().any(|daemon| {
        daemon.netns == netns && daemon.device == device && daemon.config["hwaddr"].is_string()
    });
    let address = |machine: &mut Machine<C>, index| machine.kernel().0.link_mac(netns, index);
    if let Some(own) = address(machine, index).filter(|_| first && !fixed) {
        ip(machine, &format!("link set dev {device} address {}", rtnl::sink::mac_text(&own)))?;
    }
    ip(machine, &format!("link set dev {port} master {device}"))?;
    if let Some(shared) = address(machine, team.ifindex) {
        ip(machine, &format!("link set dev {port} address {}", rtnl::sink::mac_text(&shared)))?;
    }
    machine.run_teams();
    Ok(())
}

/// `teamdctl TEAM …`.
pub(super) fn control<C: Console>(machine: &mut Machine<C>, words: &[&str]) -> Result<String, String> {
    const USAGE: &str = "teamdctl TEAM { state | port add DEVICE | port remove DEVICE }";
    let [device, ref rest @ ..] = *words else { return Err(USAGE.into()) };
    let netns = machine.here();
    let running = &machine.team.running;
    let daemon = running.iter().find(|daemon| daemon.netns == netns && daemon.device == device);
    let daemon = daemon.ok_or_else(|| format!("libteamdctl: daemon for {device} is not running."))?;
    let (runner, active) = (daemon.runner.clone(), daemon.active);
    match *rest {
        ["port", "add", port] => add_port(machine, device, port).map(|()| String::new()),
        ["port", "remove", port] => {
            ip(machine, &format!("link set dev {port} nomaster"))?;
            machine.run_teams();
            Ok(String::new())
        }
        ["state"] => {
            let team = Team::open(machine, netns, device)?;
            let mut text = format!("setup:\n  runner: {runner}\nports:\n");
            let ports = team.ports(machine)?;
            for port in &ports {
                let link = if port.linked { "up" } else { "down" };
                text.push_str(&format!("  {}\n    link watches:\n      link summary: {link}\n", port.name));
            }
            if runner == "activebackup" {
                let name =
                    ports.iter().find(|port| Some(port.ifindex) == active).map_or("", |port| &port.name);
                text.push_str(&format!("runner:\n  active port: {name}\n"));
            }
            Ok(text)
        }
        _ => Err(USAGE.into()),
    }
}

impl Daemon {
    fn prefers(&self, port: &Port) -> (i64, u32) {
        (self.config["ports"][&port.name]["prio"].as_i64().unwrap_or(0), port.speed)
    }

    /// The port that should be in use.
    fn best(&self, ports: &[Port]) -> Option<u32> {
        let current = ports.iter().find(|port| Some(port.ifindex) == self.active && port.linked);
        if let Some(current) = current {
            if self.config["ports"][&current.name]["sticky"] == true {
                return self.active;
            }
        }
        let linked = ports.iter().filter(|port| port.linked);
        let mut best = current;
        for port in linked {
            if best.is_none_or(|best| self.prefers(port) > self.prefers(best)) {
                best = Some(port);
            }
        }
        best.map(|port| port.ifindex)
    }

    /// Looks at the ports, and changes what must be; false if the team is gone.
    fn look<C: Console>(&mut self, machine: &mut Machine<C>) -> bool {
        let Ok(team) = Team::open(machine, self.netns, &self.device) else { return false };
        let Ok(ports) = team.ports(machine) else { return false };
        if self.runner != "activebackup" {
            return true;
        }
        let enable = |machine: &mut Machine<C>, port: &Port, on: bool| {
            // A port that just went away needs nothing.
            let _ = team.set_text(machine, "enabled", Some(&port.name), if on { "true" } else { "false" });
        };
        for port in ports.iter().filter(|port| !self.known.contains(&port.ifindex)) {
            enable(machine, port, false);
        }
        self.known = ports.iter().map(|port| port.ifindex).collect();
        let best = self.best(&ports);
        if best == self.active {
            return true;
        }
        if let Some(port) = ports.iter().find(|port| Some(port.ifindex) == self.active) {
            enable(machine, port, false);
        }
        self.active = best;
        if let Some(port) = ports.iter().find(|port| Some(port.ifindex) == best) {
            let _ = team.set_text(machine, "activeport", None, &port.ifindex.to_string());
            enable(machine, port, true);
        }
        true
    }
}

impl<C: Console> Machine<C> {
    /// Lets every daemon look at its team; to be called when something may have changed.
    pub(crate) fn run_teams(&mut self) {
        if self.team.is_empty() {
            return;
        }
        let mut running = std::mem::take(&mut self.team.running);
        running.retain_mut(|daemon| daemon.look(self));
        running.append(&mut self.team.running);
        self.team.running = running;
    }
}
