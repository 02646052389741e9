//! The requests that commands send to the kernel, as they pass by a monitor of netlink in each namespace.
//!
//! An `nlmon` link shows every netlink message of its namespace. One is made in the scenario's own namespace and in
//! each that gets a name, under an index far away from those that commands see. What a command sent is read behind it and
//! written as a line a request: its type, its flags, its fixed header, and its attributes in the order of their
//! numbers. What differs between two runs without meaning anything is left out: numbers of requests and of ports, of
//! open files and of processes.
//!
//! In which order neighbours are flushed does not count: it is that of a hash table whose seed is chance.
//!
//! Limits: what a namespace hears before its monitor is there (the command that makes it) is not seen; attributes
//! are taken for nested where their bytes read as attributes, which only decides about their order.

use super::inside::run_command;
use crate::failure::{Context, Failure, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket, sockopt,
};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// The monitor's name and index.
const MONITOR: &str = "oracle";
const MONITOR_INDEX: usize = 900_000;
/// The most bytes that wait to be read, and of one message.
const ROOM: usize = 16 << 20;
const MESSAGE: usize = 1 << 17;

/// `nlmsghdr`, its flag of a request, and the first type of NETLINK_ROUTE.
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 1;
const RTM_BASE: u16 = 16;
/// The bits of an attribute's type that are its number, and its header.
const NUMBER: u16 = 0x3fff;
const ATTRIBUTE: usize = 4;

/// The bytes of the fixed header by the group of a message: its type, less the base, by four.
const FIXED: &[(u16, &str, usize)] = &[
    (0, "LINK", 16),
    (1, "ADDR", 8),
    (2, "ROUTE", 12),
    (3, "NEIGH", 12),
    (4, "RULE", 12),
    (5, "QDISC", 20),
    (16, "NETCONF", 4),
    (17, "MDB", 8),
    (18, "NSID", 4),
    (19, "STATS", 12),
    (23, "LINKPROP", 16),
    (24, "VLAN", 8),
];
/// What begins the line of a neighbour that goes.
const FLUSHED: &str = "DELNEIGH ";
/// Attributes whose value is an open file or a process: the group of the message and the attribute's number.
const OF_THE_RUN: &[(u16, u16)] = &[(0, 19), (0, 28), (18, 2), (18, 3)];

/// The monitors of a scenario.
pub(super) struct Monitors {
    sockets: Vec<(Option<String>, OwnedFd)>,
}

impl Monitors {
    /// Begins to listen in the scenario's own namespace.
    pub(super) fn new() -> Result<Monitors> {
        Ok(Monitors { sockets: vec![(None, listen(None)?)] })
    }

    /// What a command sent, a line a request. Listens in namespaces that have a name since.
    pub(super) fn sent(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for (name, socket) in &self.sockets {
            let place = name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            for message in read(socket)? {
                lines.extend(requests(&message).into_iter().map(|request| format!("{place}{request}")));
            }
        }
        self.sockets.retain(|(name, _)| name.as_ref().is_none_or(|name| path(name).exists()));
        for entry in std::fs::read_dir("/run/netns").context("cannot read /run/netns")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !self.sockets.iter().any(|(known, _)| known.as_ref() == Some(&name)) {
                // Not every file in there is a namespace's.
                if let Ok(socket) = listen(Some(&name)) {
                    self.sockets.push((Some(name), socket));
                }
            }
        }
        Ok(lines)
    }
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new("/run/netns").join(name)
}

/// Makes a monitor in a namespace and opens a socket there.
fn listen(name: Option<&str>) -> Result<OwnedFd> {
    let ip = if Path::new("/usr/sbin/ip").exists() { "/usr/sbin/ip" } else { "/sbin/ip" };
    let place = name.map(|name| format!("-n {name} ")).unwrap_or_default();
    for words in
        [format!("link add {MONITOR} index {MONITOR_INDEX} type nlmon"), format!("link set {MONITOR} up")]
    {
        let (said, status) = run_command(&format!("{ip} {place}{words}"))?;
        if !status.success() {
            return Err(Failure::work(format!("ip {place}{words}: {said}")));
        }
    }
    let name = name.map(str::to_string);
    let open = move || -> Result<OwnedFd> {
        if let Some(name) = name {
            let namespace = edge::netns::open(&name).context("cannot open a namespace")?;
            edge::netns::enter(&namespace).context("cannot enter a namespace")?;
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
            .context("cannot open a packet socket")?;
        setsockopt(&socket, sockopt::RcvBufForce, &ROOM).context("cannot have room")?;
        Ok(socket)
    };
    // The thread enters the namespace and ends; the socket stays there.
    let died = |_| Err(Failure::work("a thread in a namespace died"));
    std::thread::spawn(open).join().unwrap_or_else(died)
}

/// The netlink messages that wait in a socket.
fn read(socket: &OwnedFd) -> Result<Vec<Vec<u8>>> {
    let (mut found, mut buffer) = (Vec::new(), vec![0; MESSAGE]);
    loop {
        match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Err(Errno::EAGAIN) => return Ok(found),
            Err(Errno::ENETDOWN | Errno::EINTR) => {}
            Err(errno) => return Err(Failure::work(format!("cannot read a monitor: {errno}"))),
            Ok((length, Some(from))) if from.ifindex() == MONITOR_INDEX => {
                found.push(buffer[..length].to_vec());
            }
            Ok(_) => {}
        }
    }
}

/// The requests in a datagram, each as a line.
fn requests(mut datagram: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while datagram.len() >= HEADER {
        let length = u32::from_ne_bytes([datagram[0], datagram[1], datagram[2], datagram[3]]) as usize;
        if length < HEADER || length > datagram.len() {
            break;
        }
        let kind = u16::from_ne_bytes([datagram[4], datagram[5]]);
        let flags = u16::from_ne_bytes([datagram[6], datagram[7]]);
        // Answers lack the flag, and below the base are acknowledgements, which repeat a request.
        if flags & NLM_F_REQUEST != 0 && kind >= RTM_BASE {
            lines.push(request(kind, flags, &datagram[HEADER..length]));
        }
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    lines
        .chunk_by_mut(|one, next| one.starts_with(FLUSHED) && next.starts_with(FLUSHED))
        .for_each(<[_]>::sort);
    lines
}

fn request(kind: u16, flags: u16, body: &[u8]) -> String {
    const VERBS: [&str; 4] = ["NEW", "DEL", "GET", "SET"];
    let (group, verb) = ((kind - RTM_BASE) / 4, VERBS[usize::from((kind - RTM_BASE) % 4)]);
    let fixed = FIXED.iter().find(|(number, _, size)| *number == group && *size <= body.len());
    let Some((_, object, size)) = fixed else {
        return format!("{verb} {kind} flags {flags:#x} {}", hex(body));
    };
    let (fixed, rest) = body.split_at(*size);
    let attributes = match attributes(rest) {
        Some(attributes) => show(group, attributes),
        None => hex(rest),
    };
    format!("{verb}{object} flags {flags:#x} {} {attributes}", hex(fixed))
}

/// The attributes that the bytes are; none if they are something else.
fn attributes(mut bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]);
        if length < ATTRIBUTE || length > bytes.len() || kind & NUMBER == 0 && kind != 0 {
            return None;
        }
        found.push((kind, &bytes[ATTRIBUTE..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(found)
}

/// Attributes in the order of their numbers; those of one number keep their order.
fn show(group: u16, mut list: Vec<(u16, &[u8])>) -> String {
    list.sort_by_key(|(kind, _)| kind & NUMBER);
    let each = list.into_iter().map(|(kind, value)| {
        let (number, nested) = (kind & NUMBER, if kind & !NUMBER != 0 { "!" } else { "" });
        if OF_THE_RUN.contains(&(group, number)) {
            return format!("{number}{nested}:of the run");
        }
        match attributes(value).filter(|_| value.len() > ATTRIBUTE) {
            // No number inside means the same as outside.
            Some(inner) => format!("{number}{nested}{}", show(u16::MAX, inner)),
            None => format!("{number}{nested}:{}", hex(value)),
        }
    });
    format!("{{{}}}", each.collect::<Vec<_>>().join(" "))
}

fn hex(bytes: &[u8]) -> String {
    super::to_hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of two attributes; the numbers of the request and the port are 7 and 9.
    fn message(kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + 16 + attributes.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([7, 0, 0, 0, 9, 0, 0, 0]);
        bytes.extend([0; 16]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn a_request_is_a_line() {
        let attributes = [5, 0, 13, 0, 1, 0, 0, 0, 8, 0, 3, 0, b'd', b'0', 0, 0, 8, 0, 19, 0, 3, 0, 0, 0];
        let zeroes = "0".repeat(32);
        assert_eq!(
            requests(&message(16, 0x605, &attributes)),
            [format!("NEWLINK flags 0x605 {zeroes} {{3:64300000 13:01 19:of the run}}")]
        );
        assert!(requests(&message(16, 2, &attributes)).is_empty(), "an answer");
        assert!(requests(&message(2, 1, &attributes)).is_empty(), "an acknowledgement");
        assert!(requests(&[255; 7]).is_empty());
    }

    #[test]
    fn the_order_of_flushed_neighbours_does_not_count() {
        let gone = |last| message(29, 1, &[8, 0, 1, 0, 10, 0, 0, last]);
        let (one, two) = (gone(1), gone(2));
        assert_eq!(requests(&[one.clone(), two.clone()].concat()), requests(&[two, one].concat()));
        let made = |last| message(28, 1, &[8, 0, 1, 0, 10, 0, 0, last]);
        let (one, two) = (made(1), made(2));
        assert_ne!(requests(&[one.clone(), two.clone()].concat()), requests(&[two, one].concat()));
    }

    #[test]
    fn the_order_of_attributes_does_not_count() {
        let (one, two) = ([8, 0, 1, 0, 1, 2, 3, 0xff], [8, 0, 2, 0, 4, 5, 6, 0xff]);
        let there = message(16, 1, &[one, two].concat());
        let back = message(16, 1, &[two, one].concat());
        assert_eq!(requests(&there), requests(&back));
        assert_ne!(requests(&there), requests(&message(16, 1, &one)));
    }
}
