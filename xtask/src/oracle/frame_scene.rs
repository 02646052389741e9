//! The part that runs frame cases inside the real kernel: commands, ports, and frame by frame what comes out.
//!
//! After the commands a second and a half pass, so that what the kernel does of itself is over. A frame's answer has
//! come when nothing more came for 80 ms.

use super::frame_case::{Answer, Counters, FrameCase, from_hex, to_hex};
use super::inside::run_command;
use crate::failure::{Context, Failure, Result};
use edge::netns;
use edge::port::{Port, wait};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What passes between the commands and the first frame.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long nothing comes out before the next frame goes in.
const QUIET: Duration = Duration::from_millis(80);
/// A frame whose answers go on for longer than this is one that goes round.
const ENDLESS: Duration = Duration::from_secs(5);

type Ports = BTreeMap<String, Port>;

/// Plays a case and gives it with its answer.
pub(crate) fn play(case: FrameCase) -> Result<FrameCase> {
    let mut refused = Vec::new();
    for command in &case.setup {
        let (printed, status) = run_command(command)?;
        if !status.success() {
            refused.push((command.clone(), printed.trim().to_string()));
        }
    }
    let ports = open(&case)?;
    std::thread::sleep(SETTLE);
    collect(&ports)?;
    let mut egress = Vec::with_capacity(case.inject.len());
    for (port, frame) in &case.inject {
        egress.push(inject(&ports, port, frame)?);
    }
    let counters = counters()?;
    Ok(FrameCase { answer: Some(Answer { egress, refused, counters }), ..case })
}

fn open(case: &FrameCase) -> Result<Ports> {
    let here = netns::current().map_err(|errno| Failure::work(format!("no namespace: {errno}")))?;
    let mut ports = Ports::new();
    for (name, (space, device)) in &case.ports {
        let failed = |errno| Failure::work(format!("port {name} on {device} in {space}: {errno}"));
        let there = netns::open(space).map_err(failed)?;
        netns::enter(&there).map_err(failed)?;
        let port = Port::open(device);
        netns::enter(&here).map_err(failed)?;
        ports.insert(name.clone(), port.map_err(failed)?);
    }
    Ok(ports)
}

/// What waits at the ports, port by port.
fn collect(ports: &Ports) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    for (name, port) in ports {
        while let Some(frame) =
            port.receive().map_err(|errno| Failure::work(format!("port {name}: {errno}")))?
        {
            out.push((name.clone(), to_hex(&frame)));
        }
    }
    Ok(out)
}

/// Puts a frame in and gives what comes out.
fn inject(ports: &Ports, name: &str, frame: &str) -> Result<Vec<(String, String)>> {
    let port = ports.get(name).ok_or_else(|| Failure::work(format!("there is no port {name}")))?;
    let frame = from_hex(frame).ok_or_else(|| Failure::work(format!("no frame: {frame}")))?;
    port.send(&frame).map_err(|errno| Failure::work(format!("port {name} takes no frame: {errno}")))?;
    let all: Vec<&Port> = ports.values().collect();
    let begin = Instant::now();
    let (mut out, mut quiet_at) = (Vec::new(), begin + QUIET);
    while let Some(left) = quiet_at.checked_duration_since(Instant::now()) {
        if wait(&all, left).map_err(|errno| Failure::work(format!("cannot wait: {errno}")))? {
            out.extend(collect(ports)?);
            quiet_at = Instant::now() + QUIET;
        }
        if begin.elapsed() > ENDLESS {
            return Err(Failure::work("a frame goes round and round"));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

/// A link as `ip -s -j link` tells it.
#[derive(Deserialize)]
struct Link {
    ifname: String,
    stats64: Stats,
}

#[derive(Deserialize)]
struct Stats {
    rx: Way,
    tx: Way,
}

#[derive(Deserialize)]
struct Way {
    packets: u64,
    dropped: u64,
}

fn counters() -> Result<BTreeMap<String, BTreeMap<String, Counters>>> {
    let mut names = netns::names().unwrap_or_default();
    names.push(String::new());
    let mut all = BTreeMap::new();
    for name in names {
        let place = if name.is_empty() { String::new() } else { format!("-n {name} ") };
        let (printed, _) = run_command(&format!("ip {place}-s -j link"))?;
        let links: Vec<Link> = serde_json::from_str(&printed).context("`ip -s -j link` printed no list")?;
        let row = |link: Link| {
            let Stats { rx, tx } = link.stats64;
            (link.ifname, [rx.packets, tx.packets, rx.dropped, tx.dropped])
        };
        all.insert(name, links.into_iter().map(row).collect());
    }
    Ok(all)
}
