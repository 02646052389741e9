//! The program of classic BPF that `teamd` builds from `tx_hash`, instruction for instruction.
//!
//! It folds fields of a frame into X, one exclusive or after the other: the addresses of Ethernet, the VLAN, those of
//! IP, the ports. There are two branches: a frame whose first tag stands in its bytes, and one without, whose tag may
//! have been lifted out; each tells IPv4 from IPv6 and what is inside from one another. Fragments of IPv4 have no ports.

/// Words and what they stand for.
const WORDS: &[(&str, &[Part])] = &[
    ("eth", &[Part::Ethernet]),
    ("vlan", &[Part::Vlan]),
    ("ipv4", &[Part::Ipv4]),
    ("ipv6", &[Part::Ipv6]),
    ("ip", &[Part::Ipv4, Part::Ipv6]),
    ("l3", &[Part::Ipv4, Part::Ipv6]),
    ("tcp", &[Part::Tcp]),
    ("udp", &[Part::Udp]),
    ("sctp", &[Part::Sctp]),
    ("l4", &[Part::Tcp, Part::Udp, Part::Sctp]),
];

/// What the hash is made of if nobody says.
pub(super) const USUAL: &[&str] = &["eth", "ipv4", "ipv6"];

/// Something of a frame that can be in the hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Ethernet,
    Vlan,
    Ipv4,
    Ipv6,
    Tcp,
    Udp,
    Sctp,
}

/// The protocols that have ports: what IP calls them, and the part.
const PORTS: [(u32, Part); 3] = [(6, Part::Tcp), (17, Part::Udp), (132, Part::Sctp)];

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_BEYOND_X: u16 = 0x48;
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const LOAD_X: u16 = 0x61;
const STORE_A: u16 = 0x02;
const STORE_X: u16 = 0x03;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const A_TO_X: u16 = 0x07;
const X_TO_A: u16 = 0x87;
const RETURN_A: u16 = 0x16;

/// Offsets that ask for what is known beside the bytes.
const XOR_X: u32 = 0xffff_f028;
const TAG: u32 = 0xffff_f02c;
const TAG_PRESENT: u32 = 0xffff_f030;

/// Bits of the place of a fragment of IPv4.
const FRAGMENT: u32 = 0x1fff;

/// A place in the program to which jumps lead.
#[derive(Clone, Copy)]
struct Label(usize);

/// Which number of a jump a label decides.
#[derive(Clone, Copy)]
enum Field {
    Yes,
    No,
    Always,
}

/// A program in the making.
#[derive(Default)]
struct Assembly {
    code: Vec<(u16, u8, u8, u32)>,
    /// Where labels stand.
    labels: Vec<usize>,
    jumps: Vec<(usize, Field, Label)>,
}

impl Assembly {
    fn put(&mut self, code: u16, k: u32) {
        self.code.push((code, 0, 0, k));
    }

    fn jump(&mut self, code: u16, k: u32, field: Field, to: Label) {
        self.jumps.push((self.code.len(), field, to));
        self.put(code, k);
    }

    fn label(&mut self) -> Label {
        self.labels.push(0);
        Label(self.labels.len() - 1)
    }

    fn place(&mut self, label: Label) {
        self.labels[label.0] = self.code.len();
    }

    /// Folds A into the hash.
    fn fold(&mut self) {
        self.put(LOAD_BYTE, XOR_X);
        self.put(A_TO_X, 0);
    }

    /// Folds what is at each of these offsets into the hash.
    fn fold_all(&mut self, loads: impl IntoIterator<Item = (u16, u32)>) {
        for (code, offset) in loads {
            self.put(code, offset);
            self.fold();
        }
    }

    fn give_back(&mut self) {
        self.put(X_TO_A, 0);
        self.put(RETURN_A, 0);
    }

    /// The bytes, with the distances of jumps in them. The longest is that over a branch, of some hundred instructions.
    fn bytes(mut self) -> Vec<u8> {
        for (at, field, Label(label)) in self.jumps {
            let ahead = (self.labels[label] - at - 1) as u32;
            let (_, yes, no, k) = &mut self.code[at];
            match field {
                Field::Yes => *yes = ahead as u8,
                Field::No => *no = ahead as u8,
                Field::Always => *k = ahead,
            }
        }
        let bytes = |(code, yes, no, k): (u16, u8, u8, u32)| {
            let ([a, b], [c, d, e, f]) = (code.to_ne_bytes(), k.to_ne_bytes());
            [a, b, yes, no, c, d, e, f]
        };
        self.code.into_iter().flat_map(bytes).collect()
    }
}

/// The program for these words; those that mean nothing are passed over.
pub(super) fn program<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<u8> {
    let known = |word: &str| WORDS.iter().find(|(name, _)| *name == word).map(|(_, parts)| *parts);
    let parts: Vec<Part> = words.into_iter().filter_map(known).flatten().copied().collect();
    let mut out = Assembly::default();
    let wanted = |part| parts.contains(&part);
    let deeper = parts.iter().any(|part| !matches!(part, Part::Ethernet | Part::Vlan));
    if wanted(Part::Ethernet) {
        out.fold_all([(LOAD_WORD, 2), (LOAD_HALF, 0), (LOAD_WORD, 8), (LOAD_HALF, 6)]);
    }
    if !deeper && !wanted(Part::Vlan) {
        out.give_back();
        return out.bytes();
    }
    let tagged = out.label();
    out.put(LOAD_HALF, 12);
    out.jump(IF_EQUAL, 0x8100, Field::Yes, tagged);
    if wanted(Part::Vlan) {
        let untagged = out.label();
        out.put(LOAD_BYTE, TAG_PRESENT);
        out.jump(IF_EQUAL, 0, Field::Yes, untagged);
        out.put(LOAD_BYTE, TAG);
        out.fold();
        out.place(untagged);
    }
    if !deeper {
        out.give_back();
    }
    // What follows for nothing but a VLAN is never reached, and there all the same.
    if wanted(Part::Vlan) {
        out.put(LOAD_HALF, 12);
    }
    layers(&mut out, &parts, 0);
    out.place(tagged);
    if wanted(Part::Vlan) {
        out.put(LOAD_HALF, 14);
        out.put(AND, 0x0fff);
        out.fold();
    }
    if !deeper {
        out.give_back();
        return out.bytes();
    }
    out.put(LOAD_HALF, 16);
    layers(&mut out, &parts, 4);
    out.bytes()
}

/// What is behind the EtherType, which is in A; everything lies so many bytes further.
fn layers(out: &mut Assembly, parts: &[Part], shift: u32) {
    let deepest = PORTS.iter().any(|(_, part)| parts.contains(part));
    let (not_ipv4, ipv6) = (out.label(), out.label());
    out.jump(IF_EQUAL, 0x0800, Field::No, not_ipv4);
    if parts.contains(&Part::Ipv4) {
        out.fold_all([26, 30].map(|offset| (LOAD_WORD, offset + shift)));
    }
    if !deepest {
        out.give_back();
    }
    // What follows for nothing deeper is never reached, and there all the same.
    let end = out.label();
    out.put(LOAD_HALF, 20 + shift);
    out.jump(IF_ANY_BIT, FRAGMENT, Field::Yes, end);
    out.put(LOAD_BYTE, 23 + shift);
    ports(out, parts, end);
    fold_ports_of_ipv4(out, shift);
    out.place(end);
    out.give_back();
    out.place(not_ipv4);
    out.jump(IF_EQUAL, 0x86dd, Field::Yes, ipv6);
    out.give_back();
    out.place(ipv6);
    if parts.contains(&Part::Ipv6) {
        out.fold_all((0..8).map(|word| (LOAD_WORD, 22 + 4 * word + shift)));
    }
    if !deepest {
        out.give_back();
    }
    let end = out.label();
    out.put(LOAD_BYTE, 20 + shift);
    ports(out, parts, end);
    out.put(LOAD_HALF, 54 + shift);
    out.put(LOAD_BYTE, XOR_X);
    out.put(LOAD_HALF, 56 + shift);
    out.fold();
    out.place(end);
    out.give_back();
}

/// Jumps to the end unless the protocol, which is in A, is one whose ports are wanted.
fn ports(out: &mut Assembly, parts: &[Part], end: Label) {
    let fold = out.label();
    for (number, part) in PORTS {
        let wanted = parts.contains(&part);
        if part == Part::Sctp {
            // The last one, behind which the ports are folded.
            out.jump(IF_EQUAL, number, Field::No, end);
            if !wanted {
                out.jump(JUMP, 0, Field::Always, end);
            }
            break;
        }
        let next = out.label();
        out.jump(IF_EQUAL, number, Field::No, next);
        out.jump(JUMP, 0, Field::Always, if wanted { fold } else { end });
        out.place(next);
    }
    out.place(fold);
}

/// Folds the ports behind a header of IPv4, whose length takes the place of the hash in X meanwhile.
fn fold_ports_of_ipv4(out: &mut Assembly, shift: u32) {
    for (offset, keep) in [(14, STORE_X), (16, STORE_A)] {
        out.put(keep, 0);
        out.put(LOAD_HEADER_LENGTH, 14 + shift);
        out.put(LOAD_HALF_BEYOND_X, offset + shift);
        out.put(LOAD_X, 0);
        out.put(LOAD_BYTE, XOR_X);
    }
    out.put(A_TO_X, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every choice of words makes a program whose jumps stay inside.
    #[test]
    fn all_choices_make_programs() {
        for choice in 0..1u32 << WORDS.len() {
            let words = WORDS.iter().enumerate().filter(|(at, _)| choice & 1 << at != 0);
            let words: Vec<&str> = words.map(|(_, (name, _))| *name).collect();
            let bytes = program(words.iter().copied());
            let count = bytes.len() / 8;
            for (at, code) in bytes.chunks_exact(8).enumerate() {
                let kind = u16::from_ne_bytes([code[0], code[1]]);
                let far = match kind {
                    JUMP => u32::from_ne_bytes(code[4..].try_into().unwrap()) as usize,
                    IF_EQUAL | IF_ANY_BIT => code[2].max(code[3]).into(),
                    _ => continue,
                };
                assert!(at + 1 + far < count, "{words:?}");
            }
            assert!(count < 256, "{words:?}: a distance may not fit a byte");
        }
    }
}
