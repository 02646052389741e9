//! `teamdctl TEAM …`: what a daemon is asked and told (libteam 1.31).
//!
//! **Left out**: `state dump`, `state view`, `state item …`, `port config update`, and ways to the daemon but the usual
//! one.

use super::daemon::{self, Daemon};
use crate::console::Console;
use crate::machine::Machine;
use serde::Serialize;
use serde_json::{Value, json};

const HELP: &str = "teamdctl [options] teamdevname command [command args]
    -h --help                Show this help
    -v --verbose             Increase output verbosity
    -o --oneline             Force output to one line if possible
    -D --force-dbus          Force to use D-Bus interface
    -Z --force-zmq=ADDRESS   Force to use ZeroMQ interface [-Z[Address]]
    -U --force-usock         Force to use UNIX domain socket interface
Commands:
    config dump
    config dump noports
    config dump actual
    state
    state dump
    state view
    state item get ITEMPATH
    state item set ITEMPATH VALUE
    port add PORTDEV
    port remove PORTDEV
    port present PORTDEV
    port config update PORTDEV PORTCONFIG
    port config dump PORTDEV
";

/// Runs it: what it prints.
///
/// # Errors
/// What it complains of.
pub(super) fn run<C: Console>(machine: &mut Machine<C>, words: &[&str]) -> Result<String, String> {
    let words = match *words {
        ["-U" | "--force-usock", ref rest @ ..] => rest,
        ["-h" | "--help", ..] => return Ok(HELP.into()),
        ref words => words,
    };
    let usage = |said: &str| Err(format!("{said}\n{}", HELP.trim_end()));
    let [device, ref command @ ..] = *words else { return usage("No team device specified.") };
    match *command {
        [] | ["port"] | ["port", "add" | "remove" | "present" | "config"] | ["config"] => {
            return usage("None or incomplete command");
        }
        ["state" | "config" | "port", ..] => {}
        [unknown, ..] => return usage(&format!("Unknown command \"{unknown}\".")),
    }
    let netns = machine.here();
    if machine.kernel().0.ifindex(netns, device).is_none() {
        return Err(format!("Device \"{device}\" does not exist"));
    }
    let running = machine.team.find(netns, device);
    let at = running.ok_or_else(|| format!("netloom: teamdctl: no daemon looks after {device}"))?;
    match *command {
        ["state"] => Ok(state(machine, at)),
        ["config", "dump"] => Ok(dump(&machine.team.running[at].config)),
        ["config", "dump", "actual"] => Ok(dump(&actual(machine, at))),
        ["config", "dump", "noports"] => {
            let mut config = machine.team.running[at].config.clone();
            config.as_object_mut().map(|all| all.remove("ports"));
            Ok(dump(&config))
        }
        ["port", "add", port] => add(machine, at, port),
        ["port", "remove" | "present", port] | ["port", "config", "dump", port] => {
            of_port(machine, at, command[1], port)
        }
        _ => Err(format!("netloom: teamdctl: {} is not built", command.join(" "))),
    }
}

/// What the daemon refuses with, as it comes through its socket.
fn refused(name: &str, sentence: &str) -> String {
    let said = |what| format!("libteamdctl: cli_usock_process_msg: usock: Error message {what}\n");
    let (name, sentence) = (format!("received: \"{name}\""), format!("content: \"{sentence}\""));
    said(name) + &said(sentence) + "command call failed (Invalid argument)"
}

fn add<C: Console>(machine: &mut Machine<C>, at: usize, port: &str) -> Result<String, String> {
    let Daemon { netns, device, .. } = &machine.team.running[at];
    let (netns, device) = (*netns, device.clone());
    if machine.kernel().0.ifindex(netns, port).is_none() {
        return Err(refused("NoSuchDev", "No such device."));
    }
    let present = ports(machine, at).iter().any(|(name, ..)| name == port);
    if !present && daemon::add_port(machine, &device, port).is_err() {
        return Err(refused("PortAddFail", "Failed to add port."));
    }
    Ok(String::new())
}

fn of_port<C: Console>(
    machine: &mut Machine<C>,
    at: usize,
    verb: &str,
    port: &str,
) -> Result<String, String> {
    let present = ports(machine, at).iter().any(|(name, ..)| name == port);
    match (verb, present) {
        ("present", false) => return Err("command call failed (No such device)".into()),
        ("remove", false) => return Err(refused("NoSuchDev", "No such device.")),
        ("config", false) => return Err(refused("ConfigDumpFail", "Failed to dump config.")),
        ("config", true) => return Ok(dump(&actual(machine, at)["ports"][port])),
        ("remove", true) => {
            daemon::ip(machine, &format!("link set dev {port} nomaster"))?;
            machine.run_teams();
        }
        _ => {}
    }
    Ok(String::new())
}

/// The ports as the daemon knows them: the name, whether it has a link, and how often that went away.
fn ports<C: Console>(machine: &mut Machine<C>, at: usize) -> Vec<(String, bool, u32)> {
    let Daemon { netns, watched, .. } = &machine.team.running[at];
    let (netns, watched) = (*netns, watched.clone());
    let mut name = |ifindex| machine.kernel().0.link_name(netns, ifindex);
    watched.iter().filter_map(|port| Some((name(port.ifindex)?, port.linked, port.downs))).collect()
}

fn state<C: Console>(machine: &mut Machine<C>, at: usize) -> String {
    let ports = ports(machine, at);
    let Daemon { netns, runner, active, .. } = &machine.team.running[at];
    let (netns, runner, active) = (*netns, runner.clone(), *active);
    let mut text = format!("setup:\n  runner: {runner}\n");
    if !ports.is_empty() {
        text.push_str("ports:\n");
    }
    for (name, linked, downs) in ports {
        let link = if linked { "up" } else { "down" };
        text.push_str(&format!("  {name}\n    link watches:\n      link summary: {link}\n"));
        text.push_str("      instance[link_watch_0]:\n        name: ethtool\n");
        text.push_str(&format!("        link: {link}\n        down count: {downs}\n"));
    }
    if runner == "activebackup" {
        let name = active.and_then(|active| machine.kernel().0.link_name(netns, active));
        text.push_str(&format!("runner:\n  active port: {}\n", name.unwrap_or_default()));
    }
    text
}

/// What is configured, with the ports that there are.
fn actual<C: Console>(machine: &mut Machine<C>, at: usize) -> Value {
    let ports = ports(machine, at);
    let mut shown = machine.team.running[at].config.clone();
    let configured = shown.as_object_mut().and_then(|all| all.remove("ports")).unwrap_or_default();
    for (name, ..) in ports {
        let own = configured.get(&name).filter(|own| own.is_object());
        shown["ports"][name] = own.cloned().unwrap_or_else(|| json!({}));
    }
    shown
}

/// JSON with four blanks a step.
fn dump(value: &Value) -> String {
    let mut bytes = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, format);
    // Memory does not refuse to be written to, and JSON is text.
    let _ = value.serialize(&mut out);
    String::from_utf8_lossy(&bytes).into_owned() + "\n"
}
