//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, packets.
//!
//! Everything is little-endian; blocks and options are padded to four bytes. Time stamps are microseconds since 1970,
//! which is the format's default resolution.

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// What the packets of a file begin with (`LINKTYPE_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkType {
    /// The header of Ethernet.
    Ethernet = 1,
    /// An identifier of CAN, as sockets of Linux have it.
    SocketCan = 227,
    /// A header that says which way a message of netlink goes.
    Netlink = 253,
}

const END: u16 = 0;
const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const PACKET_FLAGS: u16 = 2;

/// The longest text of an option in bytes.
const TEXT_MAX: usize = 4096;

/// Which way a packet went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The interface received it.
    In = 1,
    /// The interface sent it.
    Out = 2,
}

/// A packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Microseconds since 1970.
    pub time: u64,
    /// Which way it went.
    pub direction: Direction,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is to be said of it.
    pub comments: Vec<String>,
}

/// The head of a file: its section, and the interface that all packets are of.
pub fn head(name: &str, description: &str, link: LinkType) -> Vec<u8> {
    let mut section = Vec::new();
    section.extend(BYTE_ORDER.to_le_bytes());
    section.extend([1, 0, 0, 0]);
    // The section's length is not known yet.
    section.extend([0xff; 8]);
    text(&mut section, SECTION_APPLICATION, concat!("netloom ", env!("CARGO_PKG_VERSION")));
    option(&mut section, END, &[]);
    let mut interface = Vec::new();
    interface.extend((link as u16).to_le_bytes());
    // Two reserved bytes, and no limit of the packets' length.
    interface.extend([0; 6]);
    text(&mut interface, INTERFACE_NAME, name);
    text(&mut interface, INTERFACE_DESCRIPTION, description);
    option(&mut interface, END, &[]);
    let mut out = Vec::new();
    block(&mut out, SECTION, &section);
    block(&mut out, INTERFACE, &interface);
    out
}

/// Appends a packet.
pub fn packet(out: &mut Vec<u8>, packet: &Packet) {
    let length = packet.bytes.len() as u32;
    let mut body = Vec::with_capacity(packet.bytes.len() + 64);
    body.extend(0u32.to_le_bytes());
    body.extend(((packet.time >> 32) as u32).to_le_bytes());
    body.extend((packet.time as u32).to_le_bytes());
    // As much was captured as there was.
    body.extend(length.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(&packet.bytes);
    pad(&mut body);
    for comment in &packet.comments {
        text(&mut body, COMMENT, comment);
    }
    option(&mut body, PACKET_FLAGS, &(packet.direction as u32).to_le_bytes());
    option(&mut body, END, &[]);
    block(out, PACKET, &body);
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(length);
    out.extend(body);
    out.extend(length);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend(value);
    pad(out);
}

fn text(out: &mut Vec<u8>, code: u16, text: &str) {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    option(out, code, &text.as_bytes()[..end]);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks of a file: type and body.
    fn blocks(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut found = Vec::new();
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
        while !bytes.is_empty() {
            let length = number(&bytes[4..]) as usize;
            assert_eq!((length % 4, number(&bytes[length - 4..]) as usize), (0, length));
            found.push((number(bytes), bytes[8..length - 4].to_vec()));
            bytes = &bytes[length..];
        }
        found
    }

    #[test]
    fn a_file_is_blocks_of_whole_words() {
        let mut file = head("veth1", "veth1 in net1", LinkType::Ethernet);
        let comments = vec!["dropped: no peer".to_string()];
        let time = 0x1_0000_0002;
        packet(&mut file, &Packet { time, direction: Direction::Out, bytes: vec![7; 61], comments });
        let blocks = blocks(&file);
        assert_eq!(blocks.iter().map(|block| block.0).collect::<Vec<_>>(), [SECTION, INTERFACE, PACKET]);
        let body = &blocks[2].1;
        assert_eq!(body[4..20], [1, 0, 0, 0, 2, 0, 0, 0, 61, 0, 0, 0, 61, 0, 0, 0]);
        assert_eq!(body[20 + 64..20 + 68], [1, 0, 16, 0]);
        assert_eq!(&body[20 + 68..20 + 84], b"dropped: no peer");
        assert_eq!(body[20 + 84..], [2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    }
}
