//! `arping` as iputils 20221126 has it, in virtual time: asks who has an address on a link, and who answers.
//!
//! As with `ping` an answer costs [`TRIP`], so that it is not shown as nothing. Time is virtual, so one that never
//! ends of itself would never end: `-c` or `-w` must say when.

use crate::arping_options::{Options, Stop, read_options};
use crate::console::Console;
use crate::machine::Machine;
use crate::ping_words::inet_aton;
use iproute::host::Host;
use kernel::{Instant, Kernel, NetnsId, Packet, PacketFor, PacketSocketId, Protocol};
use rtnl::attr::Builder;
use rtnl::client::Client;
use rtnl::errno::Errno;
use rtnl::message::Messages;
use rtnl::object::link::*;
use rtnl::object::route::{RTA_DST, RTA_OIF, RTM_GETROUTE, Rtmsg};
use rtnl::table::Tb;
use std::net::{IpAddr, Ipv4Addr};
use wire::ethernet::Mac;
use wire::{Arp, ethertype};

/// What an answer takes where nothing on the way takes time, in microseconds.
const TRIP: u64 = 50;
const SECOND: u64 = 1_000_000;
/// How often somebody is asked who does not answer, if nothing else ends it.
const QUESTIONS: u64 = 100_000;
/// `AF_INET`.
const AF_INET: u8 = 2;

/// The link that is asked on.
struct Link {
    ifindex: u32,
    name: String,
    address: Mac,
    broadcast: Mac,
}

struct Arping<'m, C: Console> {
    machine: &'m mut Machine<C>,
    options: Options,
    socket: PacketSocketId,
    link: Link,
    source: Ipv4Addr,
    target: Ipv4Addr,
    /// Where the next question goes.
    to: Mac,
    unicasting: bool,
    sent_at: u64,
    sent: u64,
    broadcasts: u64,
    received: u64,
    received_broadcasts: u64,
    received_requests: u64,
}

/// Runs `arping` with these arguments.
pub(crate) fn run<C: Console>(machine: &mut Machine<C>, arguments: &[String]) -> i32 {
    let ended = read_options(arguments).and_then(|options| start(machine, options));
    match ended {
        Ok(status) => status,
        Err(Stop { text, error, status }) => {
            if error {
                machine.err(&text);
            } else {
                machine.out(&text);
            }
            status
        }
    }
}

fn fail(complaint: &str, status: i32) -> Stop {
    Stop { text: format!("arping: {complaint}\n"), error: true, status }
}

fn start<C: Console>(machine: &mut Machine<C>, options: Options) -> Result<i32, Stop> {
    let target = resolve(&options.target)?;
    let link = find_link(machine, &options, target)?;
    let netns = machine.here();
    let source = find_source(machine, netns, &options, &link, target)?;
    if !options.quiet {
        machine.out(&format!("ARPING {target} from {source} {}\n", link.name));
    }
    if options.source.is_none() && source.is_unspecified() && !options.duplicates {
        return Err(fail("no source address in not-DAD mode", 2));
    }
    if options.count.is_none() && options.timeout == 0 && !options.ends_at_answer {
        let text = "netloom: arping would never end here, where time is virtual: say how many with -c, or how long with -w\n";
        return Err(Stop { text: text.into(), error: true, status: 2 });
    }
    let opened = machine.kernel().0.open_packet_socket(netns, link.ifindex, ethertype::ARP);
    let socket = opened.map_err(|errno| fail(&format!("bind: {errno}"), 2))?;
    let mut arping = Arping {
        machine,
        to: link.broadcast,
        options,
        socket,
        link,
        source,
        target,
        unicasting: false,
        sent_at: 0,
        sent: 0,
        broadcasts: 0,
        received: 0,
        received_broadcasts: 0,
        received_requests: 0,
    };
    arping.main_loop();
    let status = arping.finish();
    arping.machine.kernel().0.close_packet_socket(socket);
    Ok(status)
}

fn resolve(name: &str) -> Result<Ipv4Addr, Stop> {
    let unknown = || fail(&format!("{name}: Name or service not known"), 2);
    match inet_aton(name) {
        Some(bits) => Ok(Ipv4Addr::from_bits(bits)),
        None if name == "localhost" => Ok(Ipv4Addr::LOCALHOST),
        None if name.parse::<std::net::Ipv6Addr>().is_ok() => {
            Err(fail(&format!("{name}: Address family for hostname not supported"), 2))
        }
        None => Err(unknown()),
    }
}

/// Asks the kernel one question; gives its answer.
fn ask<C: Console>(machine: &mut Machine<C>, kind: u16, body: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut channel = machine.channel()?;
    Client::new(&mut *channel).ask(kind, 0, body).map_err(|refusal| refusal.errno)
}

/// The link that is named, or that a route leads through.
fn find_link<C: Console>(
    machine: &mut Machine<C>,
    options: &Options,
    target: Ipv4Addr,
) -> Result<Link, Stop> {
    let mut body = Builder::new();
    match &options.device {
        Some(name) => {
            Ifinfo::default().encode(&mut body);
            body.string(IFLA_IFNAME, name.as_bytes());
        }
        None => {
            let ifindex = guess(machine, target)? as i32;
            Ifinfo { ifindex, ..Ifinfo::default() }.encode(&mut body);
        }
    }
    let named = options.device.clone().unwrap_or_default();
    let missing = || fail(&format!("Device {named} not available."), 2);
    let answer = ask(machine, RTM_GETLINK, &body.bytes).map_err(|_| missing())?;
    let message = Messages(&answer).next().ok_or_else(missing)?;
    let info = Ifinfo::decode(&message).ok_or_else(missing)?;
    let tb = Tb::read(message.attrs(Ifinfo::SIZE));
    let name = String::from_utf8_lossy(tb.string(IFLA_IFNAME).unwrap_or_default()).into_owned();
    if options.device.as_ref().is_some_and(|wanted| *wanted != name) {
        return Err(missing());
    }
    let says = |what: &str, status| {
        let text = if options.quiet { String::new() } else { format!("Interface \"{name}\" is {what}\n") };
        Stop { text, error: false, status }
    };
    if info.flags & IFF_UP == 0 {
        return Err(says("down", 2));
    }
    let none = if options.duplicates { 0 } else { 2 };
    if info.flags & (IFF_NOARP | IFF_LOOPBACK) != 0 {
        return Err(says("not ARPable", none));
    }
    let mac = |number| tb.get(number).and_then(|attr| <Mac>::try_from(attr.payload).ok());
    let (Some(address), Some(broadcast)) = (mac(IFLA_ADDRESS), mac(IFLA_BROADCAST)) else {
        return Err(says("not ARPable (no ll address)", none));
    };
    Ok(Link { ifindex: info.ifindex as u32, name, address, broadcast })
}

/// The link that the route to an address leads through.
fn guess<C: Console>(machine: &mut Machine<C>, target: Ipv4Addr) -> Result<u32, Stop> {
    let mut body = Builder::new();
    Rtmsg { family: AF_INET, ..Rtmsg::default() }.encode(&mut body);
    body.ipv4(RTA_DST, target);
    let refused = |_| fail("NETLINK_ROUTE unexpected iov element", 1);
    let answer = ask(machine, RTM_GETROUTE, &body.bytes).map_err(refused)?;
    let message = Messages(&answer).next();
    let oif = message.and_then(|message| Tb::read(message.attrs(Rtmsg::SIZE)).u32(RTA_OIF));
    oif.ok_or_else(|| fail("Suitable device could not be determined. Please, use option -I.", 2))
}

/// The address that is asked from: found out by a socket of UDP, as the tool does.
fn find_source<C: Console>(
    machine: &mut Machine<C>,
    netns: NetnsId,
    options: &Options,
    link: &Link,
    target: Ipv4Addr,
) -> Result<Ipv4Addr, Stop> {
    let named = match &options.source {
        Some(text) => {
            let bits = inet_aton(text).ok_or_else(|| fail(&format!("invalid source {text}"), 2))?;
            Some(Ipv4Addr::from_bits(bits))
        }
        None if options.unsolicited && !options.duplicates => Some(target),
        None if options.duplicates => return Ok(Ipv4Addr::UNSPECIFIED),
        None => None,
    };
    let (mut kernel, _) = machine.kernel();
    let socket =
        kernel.open_socket(netns, Protocol::Udp).map_err(|errno| fail(&format!("socket: {errno}"), 2))?;
    let source = named.map(IpAddr::V4);
    let settings = kernel::Options { device: Some(link.ifindex), source, ..kernel::Options::default() };
    let bound = kernel.set_socket(socket, settings).map_err(|errno| fail(&format!("bind: {errno}"), 2));
    let found = match named {
        Some(named) => bound.map(|()| named),
        None => bound.and_then(|()| match kernel.source_for(socket, IpAddr::V4(target)) {
            Ok(IpAddr::V4(source)) => Ok(source),
            Ok(IpAddr::V6(_)) => Ok(Ipv4Addr::UNSPECIFIED),
            Err(errno) => Err(fail(&format!("connect: {errno}"), 2)),
        }),
    };
    kernel.close_socket(socket);
    found
}

impl<C: Console> Arping<'_, C> {
    fn now(&mut self) -> u64 {
        self.machine.kernel().1.0
    }

    fn kernel<T>(&mut self, deed: impl FnOnce(&mut Kernel, Instant) -> T) -> T {
        let (mut kernel, now) = self.machine.kernel();
        deed(&mut kernel, now)
    }

    /// Sends at each tick of the interval, until there were enough, there was an answer that ends it, or it is time.
    fn main_loop(&mut self) {
        let begun = self.now();
        let end = match self.options.timeout {
            0 => u64::MAX,
            seconds => begun.saturating_add(seconds * SECOND),
        };
        let interval = self.options.interval * SECOND;
        // Without an interval nothing is sent a second time.
        let mut tick = if interval == 0 { u64::MAX } else { begun.saturating_add(interval) };
        let mut ticks = 1;
        self.send();
        while !self.hear() {
            let now = self.now();
            let ticked = now >= tick;
            if ticked {
                ticks += 1;
                if self.options.count.unwrap_or(QUESTIONS) < ticks {
                    return;
                }
                self.send();
                tick += interval;
            }
            let next = tick.min(end);
            if now >= end || next == u64::MAX {
                return;
            }
            if !ticked {
                let due = self.kernel(|kernel, _| kernel.next_timeout()).map_or(next, |due| due.0);
                self.machine.pass_until_heard(due.clamp(now, next) - now);
            }
        }
    }

    fn send(&mut self) {
        let packet = Arp {
            operation: if self.options.answers { wire::arp::REPLY } else { wire::arp::REQUEST },
            sender_mac: self.link.address,
            sender_ip: self.source,
            target_mac: if self.options.answers { self.link.address } else { self.to },
            target_ip: self.target,
        };
        let mut bytes = [0; wire::arp::LENGTH];
        packet.emit(&mut bytes);
        let (socket, to) = (self.socket, self.to);
        self.sent_at = self.now();
        if self.kernel(|kernel, now| kernel.send_packet(now, socket, to, &bytes)).is_ok() {
            self.sent += 1;
            self.broadcasts += u64::from(!self.unicasting);
        }
    }

    /// Takes what came; says whether that ends it.
    fn hear(&mut self) -> bool {
        let socket = self.socket;
        while let Some(packet) = self.kernel(|kernel, _| kernel.receive_packet(socket)) {
            let Ok(arp) = Arp::parse(&packet.payload) else { continue };
            if packet.to != PacketFor::Other && self.concerns(&arp) && self.answer(&packet, &arp) {
                return true;
            }
        }
        false
    }

    /// Whether a packet is about what was asked.
    fn concerns(&self, arp: &Arp) -> bool {
        let own = self.link.address;
        let known = matches!(arp.operation, wire::arp::REQUEST | wire::arp::REPLY);
        let from = known && arp.sender_ip == self.target;
        if !self.options.duplicates {
            return from && arp.target_ip == self.source && arp.target_mac == own;
        }
        from && arp.sender_mac != own && (self.source.is_unspecified() || self.source == arp.target_ip)
    }

    /// Counts and shows an answer; says whether it is the last.
    fn answer(&mut self, packet: &Packet, arp: &Arp) -> bool {
        let now = self.now();
        if now < self.sent_at + TRIP {
            self.machine.pass(self.sent_at + TRIP - now);
        }
        if !self.options.quiet {
            let trip = self.now() - self.sent_at;
            let line = self.line(packet, arp, trip);
            self.machine.out(&line);
        }
        let is_request = arp.operation == wire::arp::REQUEST;
        self.received += 1;
        if self.options.timeout != 0 && Some(self.received) == self.options.count {
            return true;
        }
        self.received_broadcasts += u64::from(packet.to != PacketFor::Host);
        self.received_requests += u64::from(is_request);
        if self.options.ends_at_answer {
            return true;
        }
        if !self.options.only_broadcasts {
            self.to = arp.sender_mac;
            self.unicasting = true;
        }
        false
    }

    fn line(&self, packet: &Packet, arp: &Arp, trip: u64) -> String {
        let how = if packet.to == PacketFor::Host { "Unicast" } else { "Broadcast" };
        let what = if arp.operation == wire::arp::REPLY { "reply" } else { "request" };
        let mut line = format!("{how} {what} from {} [{}] ", arp.sender_ip, hex(&arp.sender_mac));
        let elsewhere = arp.target_ip != self.source;
        if elsewhere {
            line.push_str(&format!("for {} ", arp.target_ip));
        }
        if arp.target_mac != self.link.address {
            let word = if elsewhere { "" } else { "for " };
            line.push_str(&format!("{word}[{}]", hex(&arp.target_mac)));
        }
        // The tool rounds the milliseconds, and shows a remainder that begins at 500.
        let milliseconds = (trip + 500) / 1000;
        line + &format!(" {milliseconds}.{:03}ms\n", trip + 500 - milliseconds * 1000)
    }

    fn finish(&mut self) -> i32 {
        if !self.options.quiet {
            let mut text = format!("Sent {} probes ({} broadcast(s))\n", self.sent, self.broadcasts);
            text.push_str(&format!("Received {} response(s)", self.received));
            let (requests, broadcasts) = (self.received_requests, self.received_broadcasts);
            let mut kinds = Vec::new();
            if requests > 0 {
                kinds.push(format!("{requests} request(s)"));
            }
            if broadcasts > 0 {
                kinds.push(format!("{broadcasts} broadcast(s)"));
            }
            if !kinds.is_empty() {
                text.push_str(&format!(" ({})", kinds.join(", ")));
            }
            self.machine.out(&(text + "\n"));
        }
        let options = &self.options;
        match options.count {
            _ if options.duplicates => i32::from(self.received > 0),
            _ if options.unsolicited => 0,
            Some(count) if options.timeout != 0 && !options.ends_at_answer => {
                i32::from(self.received < count)
            }
            _ => i32::from(self.received == 0),
        }
    }
}

fn hex(mac: &Mac) -> String {
    let parts: Vec<String> = mac.iter().map(|byte| format!("{byte:02X}")).collect();
    parts.join(":")
}
