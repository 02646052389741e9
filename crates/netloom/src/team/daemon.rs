//! `teamd`: what its runners and its link watch do to a team, here between commands (libteam 1.31).
//!
//! The link watch is `ethtool`'s: a port is as good as its carrier, which the daemon tells the kernel as
//! `user_linkup`. With the runner `activebackup` one port is in use: the one that is, while it has a link; else the one
//! with a link of the highest `prio`, of those the fastest, of those the first. A better one takes over unless the one
//! in use is `sticky` or just as good. All ports have the team's address, which is its first port's. `loadbalance`
//! gives the team the program of its `tx_hash` (`hash.rs`); the other runners set the mode alone. Left out: the runner
//! `lacp`, the other link watches, `tx_balancer`; ports of a configuration come in the order of their names.

use super::hash;
use super::wire::{Port, Setting, Team};
use crate::console::Console;
use crate::machine::Machine;
use iproute::host::Host;
use kernel::NetnsId;
use rtnl::errno::Errno;
use rtnl::team::NLA_BINARY;
use serde_json::{Value, json};

/// Daemons at most.
const DAEMONS: usize = 64;
/// The runners that set a mode of the same name.
const RUNNERS: &[&str] = &["roundrobin", "broadcast", "random", "activebackup", "loadbalance"];
/// What it says to whoever starts it: everybody is root here.
const ROOT: &str = "This program is not intended to be run as root.";

/// A port as the link watch knows it.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) ifindex: u32,
    pub(super) linked: bool,
    /// How often its link went away.
    pub(super) downs: u32,
}

pub(super) struct Daemon {
    pub(super) netns: NetnsId,
    pub(super) device: String,
    /// What was configured, and what stands for what was not: JSON.
    pub(super) config: Value,
    pub(super) runner: String,
    /// The port in use.
    pub(super) active: Option<u32>,
    /// Ports that were seen.
    pub(super) watched: Vec<Watched>,
    /// The team stays when the daemon ends.
    keeps: bool,
}

/// All that run.
#[derive(Default)]
pub(crate) struct Daemons {
    pub(super) running: Vec<Daemon>,
}

impl Daemons {
    /// Whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The one that looks after a team.
    pub(super) fn find(&self, netns: NetnsId, device: &str) -> Option<usize> {
        self.running.iter().position(|daemon| daemon.netns == netns && daemon.device == device)
    }
}

/// What the words ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Kill,
    Check,
}

/// The words behind `teamd`.
struct Asked {
    verb: Verb,
    device: Option<String>,
    config: Value,
    takes_over: bool,
    keeps: bool,
    daemonizes: bool,
}

/// Why a daemon does not start.
struct Failure {
    complaint: String,
    errno: Errno,
}

impl From<String> for Failure {
    fn from(complaint: String) -> Failure {
        Failure { complaint, errno: Errno::EINVAL }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure { complaint: errno.to_string(), errno }
    }
}

/// Runs `ip` for the daemon; its complaint if it fails.
pub(super) fn ip<C: Console>(machine: &mut Machine<C>, line: &str) -> Result<(), String> {
    let words: Vec<String> = std::iter::once("ip").chain(line.split(' ')).map(String::from).collect();
    match machine.execute(&words) {
        Ok(0) => Ok(()),
        _ => Err(format!("teamd: \"ip {line}\" failed.")),
    }
}

fn read(words: &[String]) -> Result<Asked, String> {
    let mut asked = Asked {
        verb: Verb::Start,
        device: None,
        config: Value::Null,
        takes_over: false,
        keeps: false,
        daemonizes: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" | "--team-dev" => asked.device = words.next().cloned(),
            "-c" | "--config" => {
                let text = words.next().map_or("", String::as_str);
                let failed = |why| format!("Failed to parse config: {why}\nFailed to load config.");
                asked.config = serde_json::from_str(text).map_err(failed)?;
            }
            "-k" | "--kill" => asked.verb = Verb::Kill,
            "-e" | "--check" => asked.verb = Verb::Check,
            "-o" | "--take-over" => asked.takes_over = true,
            "-N" | "--no-quit-destroy" => asked.keeps = true,
            "-d" | "--daemonize" => asked.daemonizes = true,
            "-n" | "-U" | "-r" | "--no-ports" | "--usock-enable" | "--force-recreate" => {}
            other => return Err(format!("netloom: teamd: {other} is not built")),
        }
    }
    asked.device = asked.device.or_else(|| asked.config["device"].as_str().map(String::from));
    Ok(asked)
}

/// Runs it: starts to look after a team, which is made if it is not there, or ends that.
///
/// # Errors
/// What it complains of.
pub(super) fn run<C: Console>(machine: &mut Machine<C>, words: &[String]) -> Result<(), String> {
    let asked = read(words)?;
    let netns = machine.here();
    let device = match &asked.device {
        Some(device) => device.clone(),
        None => {
            if asked.verb != Verb::Start {
                return Err("Team device name not specified.".into());
            }
            let names = (0..=DAEMONS).map(|number| format!("team{number}"));
            let mut free = names.filter(|name| machine.kernel().0.ifindex(netns, name).is_none());
            free.next().ok_or("Team device name not specified.")?
        }
    };
    let found = machine.team.find(netns, &device);
    match (asked.verb, found) {
        (Verb::Check, Some(_)) => Ok(()),
        (Verb::Check, None) => Err(String::new()),
        (Verb::Kill, None) => Err("Daemon not running".into()),
        (Verb::Kill, Some(at)) => {
            let daemon = machine.team.running.remove(at);
            if daemon.keeps { Ok(()) } else { ip(machine, &format!("link del {device}")) }
        }
        (Verb::Start, Some(_)) => Err(format!("Daemon already running for {device}.")),
        (Verb::Start, None) => {
            machine.console.err(&format!("{ROOT}\n"));
            let daemonizes = asked.daemonizes;
            // A daemon keeps its complaints for the log.
            let hidden = |Failure { complaint, errno }| match daemonizes {
                true => format!("Daemon process failed.\nFailed: {errno}"),
                false => complaint,
            };
            start(machine, asked, device).map_err(hidden)
        }
    }
}

/// What stands in a configuration for what is not there.
fn complete(config: &mut Value, device: &str) -> Result<String, String> {
    if !config.is_object() {
        *config = json!({});
    }
    config["device"] = device.into();
    if config.get("ports").is_some_and(|ports| !ports.is_object()) {
        config["ports"] = json!({});
    }
    if !config["runner"].is_object() {
        config["runner"] = json!({});
    }
    let runner = config["runner"]["name"].as_str().unwrap_or("roundrobin").to_string();
    config["runner"]["name"] = runner.as_str().into();
    if !RUNNERS.contains(&runner.as_str()) {
        return Err(format!("No runner named \"{runner}\" available."));
    }
    if runner == "loadbalance" && config["runner"].get("tx_hash").is_none() {
        config["runner"]["tx_hash"] = hash::USUAL.into();
    }
    for name in ["notify_peers", "mcast_rejoin"].into_iter().filter(|_| runner == "activebackup") {
        if config[name]["count"].as_u64().is_none() {
            config[name] = json!({ "count": 1 });
        }
    }
    Ok(runner)
}

fn start<C: Console>(machine: &mut Machine<C>, asked: Asked, device: String) -> Result<(), Failure> {
    let (netns, mut config) = (machine.here(), asked.config);
    let runner = complete(&mut config, &device)?;
    if machine.team.running.len() >= DAEMONS {
        return Err(format!("More than {DAEMONS} daemons.").into());
    }
    if machine.kernel().0.ifindex(netns, &device).is_none() {
        let address =
            config["hwaddr"].as_str().map_or(String::new(), |address| format!(" address {address}"));
        ip(machine, &format!("link add name {device}{address} type team"))?;
    } else if !asked.takes_over {
        return Err(Failure { complaint: "Failed to create team device.".into(), errno: Errno::EEXIST });
    }
    set_up(machine, netns, &device, &config, &runner)?;
    let ports: Vec<String> =
        config["ports"].as_object().map_or(Vec::new(), |all| all.keys().cloned().collect());
    machine.team.running.push(Daemon {
        netns,
        device: device.clone(),
        config,
        runner,
        active: None,
        watched: Vec::new(),
        keeps: asked.keeps,
    });
    for port in ports {
        add_port(machine, &device, &port)?;
    }
    Ok(())
}

/// Gives a team its mode and the options that a configuration decides.
fn set_up<C: Console>(
    machine: &mut Machine<C>,
    netns: NetnsId,
    device: &str,
    config: &Value,
    runner: &str,
) -> Result<(), Errno> {
    let team = Team::named(machine, netns, device)?;
    if team.option(machine, "mode", None, None)?.value_text() != runner {
        team.set_text(machine, "mode", None, runner)?;
    }
    for name in ["notify_peers", "mcast_rejoin"] {
        let count = config[name]["count"].as_u64().unwrap_or(0).to_string();
        team.set_text(machine, &format!("{name}_count"), None, &count)?;
    }
    if runner == "loadbalance" {
        let words = config["runner"]["tx_hash"].as_array().map_or(&[][..], Vec::as_slice);
        let data = hash::program(words.iter().filter_map(Value::as_str));
        let name = "bpf_hash_func".to_string();
        team.set(machine, &Setting { name, port: None, index: None, kind: NLA_BINARY, data })?;
    }
    Ok(())
}

/// Takes a port, with the team's address; the first gives the team its own.
pub(super) fn add_port<C: Console>(machine: &mut Machine<C>, device: &str, port: &str) -> Result<(), String> {
    let netns = machine.here();
    let gone = || format!("Device \"{device}\" does not exist.");
    let team = Team::named(machine, netns, device).map_err(|_| gone())?;
    let first = team.ports(machine).map_err(|_| gone())?.is_empty();
    let index = machine.kernel().0.ifindex(netns, port);
    let index = index.ok_or_else(|| format!("Device \"{port}\" does not exist."))?;
    let at = machine.team.find(netns, device);
    let fixed = at.is_some_and(|at| machine.team.running[at].config["hwaddr"].is_string());
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

    /// Looks at the links of ports, tells the kernel of those that changed, and gives the ports that are new.
    fn watch<C: Console>(&mut self, machine: &mut Machine<C>, team: Team, ports: &[Port]) -> Vec<u32> {
        let mut new = Vec::new();
        self.watched.retain(|watched| ports.iter().any(|port| port.ifindex == watched.ifindex));
        for port in ports {
            let known = self.watched.iter().position(|watched| watched.ifindex == port.ifindex);
            let at = known.unwrap_or_else(|| {
                new.push(port.ifindex);
                if self.config.get("link_watch").is_none() {
                    let own = &mut self.config["ports"][&port.name]["link_watch"];
                    *own = own.as_object().map_or(json!({ "name": "ethtool" }), |own| own.clone().into());
                }
                self.watched.push(Watched { ifindex: port.ifindex, linked: false, downs: 0 });
                self.watched.len() - 1
            });
            let watched = &mut self.watched[at];
            if watched.linked != port.linked {
                watched.downs += u32::from(watched.linked);
                watched.linked = port.linked;
                // A port that just went away needs nothing.
                let linked = if port.linked { "true" } else { "false" };
                let _ = team.set_text(machine, "user_linkup", Some(port.ifindex), linked);
            }
        }
        new
    }

    /// Looks at the ports, and changes what must be; false if the team is gone.
    fn look<C: Console>(&mut self, machine: &mut Machine<C>) -> bool {
        let Ok(team) = Team::named(machine, self.netns, &self.device) else { return false };
        let Ok(ports) = team.ports(machine) else { return false };
        let new = self.watch(machine, team, &ports);
        if self.runner != "activebackup" {
            return true;
        }
        let enable = |machine: &mut Machine<C>, port: u32, on: bool| {
            let _ = team.set_text(machine, "enabled", Some(port), if on { "true" } else { "false" });
        };
        for port in new {
            enable(machine, port, false);
        }
        let best = self.best(&ports);
        if best == self.active {
            return true;
        }
        if let Some(port) = self.active.filter(|active| ports.iter().any(|port| port.ifindex == *active)) {
            enable(machine, port, false);
        }
        self.active = best;
        if let Some(port) = best {
            let _ = team.set_text(machine, "activeport", None, &port.to_string());
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
