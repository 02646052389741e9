//! A tunnel over one of the cables: its far end is who is at the cable's other end, and most frames that are put in there
//! are wrapped for it.
//!
//! A vxlan sends from one port only, as the flow's is drawn by a number of chance; of a geneve that is not compared.

use super::ipv6::{packet, summed};
use super::{Base, Case, written};

/// The addresses of the two ends, the last byte left out.
const ENDS: [u8; 4] = [10, 9, 0, 0];
const ENDS6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const NEAR: u8 = 1;
const FAR: u8 = 2;
const STRANGER: u8 = 3;
/// The network.
const NETWORK: u32 = 100;
/// What a frame's headers outside take, the longer ones of IPv6.
const HEADERS: usize = 70;
/// The longest frame on the cable.
const LONGEST: usize = 1514;

const VXLAN: [&str; 8] =
    ["", "", "nolearning", "ttl inherit", "tos inherit df inherit", "df set", "tos 0x1d ttl 9", "gbp"];
const VXLAN6: [&str; 7] = [
    "",
    "nolearning",
    "ttl inherit",
    "tos inherit",
    "udp6zerocsumtx udp6zerocsumrx",
    "flowlabel 0x12345",
    "tos 0x1d ttl 9",
];
const GENEVE6: [&str; 5] =
    ["ttl inherit", "tos inherit", "udp6zerocsumtx udp6zerocsumrx", "flowlabel 0x12345", "tos 0x1d ttl 9"];
const GENEVE: [&str; 5] = ["", "ttl inherit", "tos inherit df inherit", "df set", "tos 0x1d ttl 9"];

/// A tunnel, as who is at its far end sees it.
#[derive(Clone, Copy)]
pub(super) struct Tunnel {
    /// The far end's port.
    pub(super) port: char,
    near: [u8; 6],
    far: [u8; 6],
    vxlan: bool,
    /// Its packets are of IPv6.
    ipv6: bool,
}

impl Case {
    /// Now and then a tunnel over the first cable.
    pub(super) fn tunnel(&mut self) {
        let kinds: Vec<&'static str> =
            ["vxlan", "geneve"].into_iter().filter(|kind| self.kinds.contains(*kind)).collect();
        let Some(kind) = self.one(&kinds).filter(|_| self.rng.chance(25)) else { return };
        let cable = self.bases.remove(0);
        // It stays as it is: a neighbour that is asked for anew would be asked for at random times.
        self.links.retain(|(_, name)| *name != cable.name);
        let (port, far) = (self.outside[0].port, self.outside[0].mac);
        let (number, mac) = self.fresh();
        let name = format!("t{number}");
        let ipv6 = self.ipv6 && self.rng.chance(60);
        let [near_ip, far_ip] = [NEAR, FAR].map(|last| end(last, ipv6));
        let prefix = if ipv6 { "64" } else { "24" };
        let nodad = if ipv6 { " nodad" } else { "" };
        self.run(format!("ip addr add {near_ip}/{prefix} dev {}{nodad}", cable.name));
        self.run(format!("ip neigh add {far_ip} lladdr {} dev {} nud permanent", written(far), cable.name));
        let settings = match kind {
            "vxlan" => format!("dstport 4789 srcport 5000 5001 {}", self.vxlan_setting(ipv6)),
            _ => self.rng.word(if ipv6 { &GENEVE6 } else { &GENEVE }).to_string(),
        };
        self.run(format!(
            "ip link add {name} address {} type {kind} id {NETWORK} remote {far_ip} {}",
            written(mac),
            settings.trim_end()
        ));
        self.run(format!("ip link set {name} up"));
        self.links.push((String::new(), name.clone()));
        self.bases.push(Base { name, mac, tags: Vec::new(), bridge: false, ipvlan: None, taken: None });
        self.tunnel = Some(Tunnel { port, near: cable.mac, far, vxlan: kind == "vxlan", ipv6 });
    }

    /// A setting of a vxlan. Not `gbp` beside IPv6: where Linux keeps the mark of a packet, a report of groups still has
    /// the room that was reserved in its buffer, and a vxlan sends that as its mark.
    fn vxlan_setting(&mut self, ipv6: bool) -> &'static str {
        let word = self.rng.word(if ipv6 { &VXLAN6 } else { &VXLAN });
        if self.ipv6 && word == "gbp" { "" } else { word }
    }
}

impl Tunnel {
    /// A frame in a packet of the tunnel: now and then of another network, of another sender, or bent.
    pub(super) fn wrap(&self, frame: &[u8], chance: u64) -> Vec<u8> {
        let network = if chance % 20 == 0 { NETWORK + 1 } else { NETWORK };
        let from = if chance % 20 == 1 { STRANGER } else { FAR };
        let tos = [0, 0, 0, 1, 2, 3][(chance / 20 % 6) as usize];
        let frame = &frame[..frame.len().min(LONGEST - HEADERS)];
        let (port, mut header) = match self.vxlan {
            true => (4789u16, [8, 0, 0, 0, 0, 0, 0, 0]),
            false => (6081, [0, 0, 0x65, 0x58, 0, 0, 0, 0]),
        };
        header[4..7].copy_from_slice(&network.to_be_bytes()[1..]);
        if chance % 20 == 2 {
            header[(chance / 120 % 8) as usize] ^= 0x10;
        }
        let length = (8 + header.len() + frame.len()) as u16;
        let [high, low] = length.to_be_bytes();
        let [to_high, to_low] = port.to_be_bytes();
        let udp = [&[0x17, 0x70, to_high, to_low, high, low, 0, 0][..], &header, frame].concat();
        let (kind, packet) = match self.ipv6 {
            true => {
                let [from, to] = [from, NEAR].map(end6);
                let mut packet = packet(from, to, 17, 64, &summed(from, to, 17, udp, 6));
                packet[1] = tos << 4;
                ([0x86, 0xdd], packet)
            }
            // The datagram has no checksum.
            false => {
                let [from, to] = [from, NEAR].map(end4);
                ([8, 0], super::inject::ipv4_with(from, to, 17, 64, 0, &udp, tos))
            }
        };
        [&self.near[..], &self.far, &kind, &packet].concat()
    }
}

fn end4(last: u8) -> [u8; 4] {
    let [a, b, c, _] = ENDS;
    [a, b, c, last]
}

fn end6(last: u8) -> [u8; 16] {
    let mut address = ENDS6;
    address[15] = last;
    address
}

/// The address of an end, as commands have it.
fn end(last: u8, ipv6: bool) -> String {
    match ipv6 {
        true => std::net::Ipv6Addr::from(end6(last)).to_string(),
        false => std::net::Ipv4Addr::from(end4(last)).to_string(),
    }
}
