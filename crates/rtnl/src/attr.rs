//! Netlink attributes: reading and writing. This file and `message` are the only code that knows padding.
//!
//! An attribute is `{len: u16, type: u16}` in host order, then `len - 4` bytes, then zeroes up to a multiple of four.
//! The two top bits of the type say "nested" and "network byte order"; Linux ignores both when it reads
//! (`include/uapi/linux/netlink.h`). Reading never fails: it stops at the first attribute whose length does not
//! fit, as `nla_for_each_attr` does. Each pass over a stream is linear and nothing here recurses.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of an attribute's header.
pub const HEADER: usize = 4;
/// The bit of the type that says that the payload is attributes again.
pub const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;

/// Rounds a length up to the alignment of netlink, four bytes.
pub const fn align(length: usize) -> usize {
    (length + 3) & !3
}

/// One attribute as it lies in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// The number, without the flag bits.
    pub number: u16,
    /// Whether the sender set the "nested" bit.
    pub nested: bool,
    /// What is behind the header, without padding.
    pub payload: &'a [u8],
    /// Where the attribute's header begins, in bytes from the start of its message.
    pub offset: usize,
}

impl<'a> Attr<'a> {
    /// The first byte, or 0 in an empty payload.
    pub fn u8(&self) -> u8 {
        self.payload.first().copied().unwrap_or(0)
    }

    /// The first two bytes in host order; missing bytes read as zero.
    pub fn u16(&self) -> u16 {
        u16::from_ne_bytes(self.first())
    }

    /// The first two bytes in network order; missing bytes read as zero.
    pub fn u16_be(&self) -> u16 {
        u16::from_be_bytes(self.first())
    }

    /// The first four bytes in host order; missing bytes read as zero.
    pub fn u32(&self) -> u32 {
        u32::from_ne_bytes(self.first())
    }

    /// The first four bytes as a signed number in host order; missing bytes read as zero.
    pub fn i32(&self) -> i32 {
        self.u32() as i32
    }

    /// The first eight bytes in host order; missing bytes read as zero.
    pub fn u64(&self) -> u64 {
        u64::from_ne_bytes(self.first())
    }

    /// The first eight bytes as two numbers of four bytes each in host order; missing bytes read as zero.
    pub fn u32_pair(&self) -> (u32, u32) {
        let b: [u8; 8] = self.first();
        (u32::from_ne_bytes([b[0], b[1], b[2], b[3]]), u32::from_ne_bytes([b[4], b[5], b[6], b[7]]))
    }

    /// The payload up to its first zero byte, as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.string())
    }

    /// The payload up to its first zero byte.
    pub fn string(&self) -> &'a [u8] {
        let end = self.payload.iter().position(|&b| b == 0).unwrap_or(self.payload.len());
        &self.payload[..end]
    }

    /// The attributes in the payload.
    pub fn attrs(&self) -> Attrs<'a> {
        Attrs::new(self.payload, self.offset + HEADER)
    }

    /// The first `N` bytes; missing bytes read as zero.
    pub fn first<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        let n = N.min(self.payload.len());
        out[..n].copy_from_slice(&self.payload[..n]);
        out
    }
}

/// Walks a stream of attributes.
#[derive(Clone, Copy, Debug)]
pub struct Attrs<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Attrs<'a> {
    /// A walk over `bytes`, which begin `offset` bytes into their message.
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Attrs { bytes, offset }
    }

    /// Where the walk stands, in bytes from the message's start.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The walk from so many bytes further on.
    pub fn skip_bytes(&self, count: usize) -> Attrs<'a> {
        Attrs { bytes: self.bytes.get(count..).unwrap_or(&[]), offset: self.offset + count }
    }

    /// What is left: after the walk, the bytes that are no attribute.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first attribute of that number.
    pub fn find(mut self, number: u16) -> Option<Attr<'a>> {
        Iterator::find(&mut self, |attr| attr.number == number)
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Attr<'a>> {
        let head: [u8; HEADER] = self.bytes.get(..HEADER)?.try_into().ok()?;
        let length = u16::from_ne_bytes([head[0], head[1]]) as usize;
        let kind = u16::from_ne_bytes([head[2], head[3]]);
        let payload = self.bytes.get(HEADER..length)?;
        let attr =
            Attr { number: kind & TYPE_MASK, nested: kind & NESTED != 0, payload, offset: self.offset };
        let step = align(length).min(self.bytes.len());
        self.bytes = &self.bytes[step..];
        self.offset += step;
        Some(attr)
    }
}

/// An open nest or message, to be handed back to [`Builder::end`].
#[derive(Debug)]
#[must_use]
pub struct Mark(usize);

/// Writes messages and attributes behind one another into one buffer.
#[derive(Default, Debug, Clone)]
pub struct Builder {
    /// What was written so far.
    pub bytes: Vec<u8>,
}

impl Builder {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes behind what `bytes` holds already.
    pub fn onto(bytes: Vec<u8>) -> Self {
        Builder { bytes }
    }

    /// An attribute of any payload up to 65,531 bytes; what is longer is cut there, as the length field is 16 bits.
    pub fn put(&mut self, number: u16, payload: &[u8]) {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX) - HEADER)];
        let length = HEADER + payload.len();
        self.bytes.extend_from_slice(&(length as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&number.to_ne_bytes());
        self.bytes.extend_from_slice(payload);
        self.pad();
    }

    /// Zeroes up to the alignment.
    pub fn pad(&mut self) {
        const ZERO: [u8; 3] = [0; 3];
        let gap = align(self.bytes.len()) - self.bytes.len();
        self.bytes.extend_from_slice(&ZERO[..gap]);
    }

    /// Makes the payload of the next attribute lie at a multiple of eight bytes from the datagram's start, by an empty
    /// attribute of that number if need be (`nla_align_64bit`).
    pub fn align64(&mut self, number: u16) {
        if self.bytes.len() % 8 == 0 {
            self.put(number, &[]);
        }
    }

    /// An attribute of one byte.
    pub fn u8(&mut self, number: u16, value: u8) {
        self.put(number, &[value]);
    }

    /// An attribute of two bytes in host order.
    pub fn u16(&mut self, number: u16, value: u16) {
        self.put(number, &value.to_ne_bytes());
    }

    /// An attribute of two bytes in network order.
    pub fn u16_be(&mut self, number: u16, value: u16) {
        self.put(number, &value.to_be_bytes());
    }

    /// An attribute of four bytes in host order.
    pub fn u32(&mut self, number: u16, value: u32) {
        #[cfg(target_endian = "little")]
        let head = 8u32 | (u32::from(number) << 16);
        #[cfg(target_endian = "big")]
        let head = (8u32 << 16) | u32::from(number);
        let mut both = [0; 8];
        both[..4].copy_from_slice(&head.to_ne_bytes());
        both[4..].copy_from_slice(&value.to_ne_bytes());
        self.bytes.extend_from_slice(&both);
    }

    /// An attribute of four bytes, signed, in host order.
    pub fn i32(&mut self, number: u16, value: i32) {
        self.u32(number, value as u32);
    }

    /// An attribute of eight bytes in host order.
    pub fn u64(&mut self, number: u16, value: u64) {
        self.put(number, &value.to_ne_bytes());
    }

    /// The same, aligned by an empty attribute of the number `gap` where need be.
    pub fn u64_aligned(&mut self, number: u16, value: u64, gap: u16) {
        self.align64(gap);
        self.u64(number, value);
    }

    /// An attribute of two numbers of four bytes each, in host order.
    pub fn u32_pair(&mut self, number: u16, first: u32, second: u32) {
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&first.to_ne_bytes());
        payload[4..].copy_from_slice(&second.to_ne_bytes());
        self.put(number, &payload);
    }

    /// A text with its closing zero byte.
    pub fn string(&mut self, number: u16, text: &[u8]) {
        let text = &text[..text.len().min(usize::from(u16::MAX) - HEADER - 1)];
        self.bytes.extend_from_slice(&((HEADER + text.len() + 1) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&number.to_ne_bytes());
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.pad();
    }

    /// An IPv4 address in network order.
    pub fn ipv4(&mut self, number: u16, address: Ipv4Addr) {
        self.put(number, &address.octets());
    }

    /// An IPv6 address in network order.
    pub fn ipv6(&mut self, number: u16, address: Ipv6Addr) {
        self.put(number, &address.octets());
    }

    /// Opens a nest without the "nested" bit, as most of rtnetlink writes them.
    pub fn nest(&mut self, number: u16) -> Mark {
        let mark = Mark(self.bytes.len());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&number.to_ne_bytes());
        mark
    }

    /// Closes a nest: writes its length, cut at 65,535.
    pub fn end(&mut self, mark: Mark) {
        let length = (self.bytes.len() - mark.0).min(usize::from(u16::MAX)) as u16;
        self.bytes[mark.0..mark.0 + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// Closes a nest, or takes it back if nothing was written into it.
    pub fn end_or_drop(&mut self, mark: Mark) {
        if self.bytes.len() == mark.0 + HEADER { self.bytes.truncate(mark.0) } else { self.end(mark) }
    }

    /// Takes back everything that was written since the mark.
    pub fn cancel(&mut self, mark: Mark) {
        self.bytes.truncate(mark.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        let mut b = Builder::new();
        b.u8(1, 7);
        let nest = b.nest(2);
        b.string(3, b"eth0");
        b.u64(4, 1 << 40);
        b.end(nest);
        b.u32(5, 9);
        let attrs: Vec<_> = Attrs::new(&b.bytes, 0).collect();
        assert_eq!(attrs.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2, 5]);
        assert_eq!(attrs[0].u8(), 7);
        assert_eq!(attrs[2].u32(), 9);
        let inner: Vec<_> = attrs[1].attrs().collect();
        assert_eq!(inner[0].string(), b"eth0");
        assert_eq!(inner[1].u64(), 1 << 40);
        assert_eq!(inner[1].offset, attrs[1].offset + HEADER + 12);
    }

    #[test]
    fn a_short_or_overlong_attribute_ends_the_walk() {
        assert_eq!(Attrs::new(&[3, 0, 1, 0], 0).next(), None);
        assert_eq!(Attrs::new(&[9, 0, 1, 0, 0, 0, 0, 0], 0).next(), None);
        let mut walk = Attrs::new(&[5, 0, 1, 0, 42], 0);
        assert_eq!(walk.next().map(|a| a.u8()), Some(42));
        assert_eq!(walk.next(), None);
        assert!(walk.rest().is_empty());
    }
}
