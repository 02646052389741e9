//! A network namespace: its devices by index and by name, templates of names, and the identifiers that it uses for
//! other namespaces.
//!
//! All maps are ordered trees: lookups cost the logarithm of the namespace's own size, no input can degrade them,
//! and walking them is deterministic. Listings come in Linux's order: 256 buckets by the low byte of the index, and
//! within one the newest first (`net/core/dev.c`, `dev_index_hash`).

use crate::device::{DeviceId, Name};
use rtnl::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};

/// A namespace's number. It is never used again, and it is what stands in `IFLA_NET_NS_FD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetnsId(pub u32);

/// A place in a listing: the bucket above the order of arrival, the latest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ListKey(u64);

impl ListKey {
    /// Bits of the order of arrival.
    const ARRIVAL: u64 = (1 << 56) - 1;

    fn new(ifindex: u32, arrival: u64) -> ListKey {
        ListKey(u64::from(ifindex as u8) << 56 | !arrival & ListKey::ARRIVAL)
    }

    fn arrival(self) -> u64 {
        !self.0 & ListKey::ARRIVAL
    }
}

/// The largest number that a template of names is filled with, plus one (`8 * PAGE_SIZE`).
const TEMPLATE_NUMBERS: u32 = 32_768;
/// Templates that a namespace keeps account of; one more forgets the oldest, which costs its next use a walk.
const TEMPLATES: usize = 16;

/// A namespace.
#[derive(Default)]
pub struct Netns {
    by_index: BTreeMap<u32, DeviceId>,
    by_name: BTreeMap<Name, DeviceId>,
    by_altname: BTreeMap<Box<[u8]>, DeviceId>,
    listing: BTreeMap<ListKey, DeviceId>,
    last_index: u32,
    templates: Vec<(Box<[u8]>, Numbers)>,
    /// Identifiers that this namespace uses for others.
    peers: BTreeMap<u32, NetnsId>,
    ids: BTreeMap<NetnsId, u32>,
    /// The namespaces that have an identifier for this one.
    pub(crate) known_by: BTreeSet<NetnsId>,
    /// It ends: it gives no identifiers and gets none.
    pub(crate) dying: bool,
    /// The host stack.
    pub(crate) stack: Box<crate::host::Stack>,
    /// How often the devices changed, for dumps that are interrupted.
    pub(crate) sequence: u32,
}

/// The numbers of a template that are taken.
#[derive(Default)]
struct Numbers {
    words: Vec<u64>,
    /// All words before this one are full.
    hint: usize,
}

impl Numbers {
    fn take(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
    }

    fn release(&mut self, number: u32) {
        let word = number as usize / 64;
        if let Some(bits) = self.words.get_mut(word) {
            *bits &= !(1 << (number % 64));
            self.hint = self.hint.min(word);
        }
    }

    /// The least number that is free; it is not taken yet.
    fn least(&mut self) -> u32 {
        while self.words.get(self.hint).is_some_and(|&bits| bits == u64::MAX) {
            self.hint += 1;
        }
        let bits = self.words.get(self.hint).copied().unwrap_or(0);
        (self.hint as u32) * 64 + bits.trailing_ones()
    }
}

/// The number that a name has in a template (`%d` stands for it), if the name is one of the template's.
fn number_in(template: &[u8], name: &[u8]) -> Option<u32> {
    let at = template.iter().position(|&b| b == b'%')?;
    let digits = name.strip_prefix(&template[..at])?.strip_suffix(&template[at + 2..])?;
    let canonical = !digits.is_empty() && digits.len() <= 5 && (digits[0] != b'0' || digits.len() == 1);
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (number < TEMPLATE_NUMBERS).then_some(number)
}

/// Whether a name may be a device's (`dev_valid_name`).
pub fn is_valid_name(name: &[u8]) -> bool {
    let forbidden = |&b: &u8| b == b'/' || b == b':' || b.is_ascii_whitespace() || b == 0x0b || b == 0xa0;
    !name.is_empty()
        && name.len() <= rtnl::object::link::NAME_MAX
        && name != b"."
        && name != b".."
        && !name.iter().any(forbidden)
}

/// Whether a name is one of those that IPv4 keeps its settings under beside the devices'
/// (`sysctl_dev_name_is_allowed`).
pub(crate) fn is_reserved_name(name: &[u8]) -> bool {
    [&b"all"[..], b"default"].contains(&name)
}

impl Netns {
    /// The device of that index.
    pub fn by_index(&self, ifindex: u32) -> Option<DeviceId> {
        self.by_index.get(&ifindex).copied()
    }

    /// The device of that name or alternative name.
    pub fn by_name(&self, name: &[u8]) -> Option<DeviceId> {
        let short = name.len() <= rtnl::object::link::NAME_MAX;
        let found = if short { self.by_name.get(&Name::new(name)) } else { None };
        found.or_else(|| self.by_altname.get(name)).copied()
    }

    /// How many devices there are.
    pub fn count(&self) -> usize {
        self.by_index.len()
    }

    /// The devices from a place in the listing on, that one left out; all for `None`.
    pub(crate) fn list_from(&self, after: Option<ListKey>) -> impl Iterator<Item = (ListKey, DeviceId)> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        self.listing.range((start, Unbounded)).map(|(key, device)| (*key, *device))
    }

    /// The devices in the order in which they came.
    pub fn in_order_of_arrival(&self) -> Vec<DeviceId> {
        let mut all: Vec<_> = self.listing.iter().map(|(key, device)| (key.arrival(), *device)).collect();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all.into_iter().map(|(_, device)| device).collect()
    }

    /// The least index that is free; it is not drawn.
    pub(crate) fn free_index(&self) -> u32 {
        (1..).find(|index| !self.by_index.contains_key(index)).unwrap_or(1)
    }

    /// Draws the next free index (`dev_new_index`).
    pub(crate) fn new_index(&mut self) -> u32 {
        loop {
            self.last_index = if self.last_index >= i32::MAX as u32 { 1 } else { self.last_index + 1 };
            if !self.by_index.contains_key(&self.last_index) {
                return self.last_index;
            }
        }
    }

    /// Enters a device; name and index must be free.
    pub(crate) fn enter(&mut self, device: DeviceId, ifindex: u32, name: Name, arrival: u64) {
        self.sequence += 1;
        self.by_index.insert(ifindex, device);
        self.listing.insert(ListKey::new(ifindex, arrival), device);
        self.enter_name(device, name);
    }

    /// Takes a device out.
    pub(crate) fn leave(&mut self, ifindex: u32, name: Name, arrival: u64) {
        self.sequence += 1;
        self.by_index.remove(&ifindex);
        self.listing.remove(&ListKey::new(ifindex, arrival));
        self.leave_name(name);
    }

    pub(crate) fn enter_name(&mut self, device: DeviceId, name: Name) {
        self.by_name.insert(name, device);
        for (template, numbers) in &mut self.templates {
            if let Some(number) = number_in(template, name.bytes()) {
                numbers.take(number);
            }
        }
    }

    pub(crate) fn leave_name(&mut self, name: Name) {
        self.by_name.remove(&name);
        let altname = self.by_altname.contains_key(name.bytes());
        for (template, numbers) in &mut self.templates {
            if let Some(number) = number_in(template, name.bytes()).filter(|_| !altname) {
                numbers.release(number);
            }
        }
    }

    pub(crate) fn enter_altname(&mut self, device: DeviceId, name: &[u8]) {
        self.by_altname.insert(name.into(), device);
        for (template, numbers) in &mut self.templates {
            if let Some(number) = number_in(template, name) {
                numbers.take(number);
            }
        }
    }

    pub(crate) fn leave_altname(&mut self, name: &[u8]) {
        self.by_altname.remove(name);
        for (template, numbers) in &mut self.templates {
            if let Some(number) = number_in(template, name) {
                numbers.release(number);
            }
        }
    }

    /// A name that is free: the one asked for, or the template `NAME%d` with the least free number
    /// (`dev_get_valid_name`).
    ///
    /// # Errors
    /// EINVAL for a name that is none, EEXIST for one that is taken, ENFILE if no number is free.
    pub(crate) fn free_name(&mut self, wanted: &[u8]) -> Result<Name, Errno> {
        if !is_valid_name(wanted) {
            return Err(Errno::EINVAL);
        }
        if wanted.contains(&b'%') {
            return self.name_from_template(wanted);
        }
        match self.by_name(wanted) {
            Some(_) => Err(Errno::EEXIST),
            None => Ok(Name::new(wanted)),
        }
    }

    fn name_from_template(&mut self, template: &[u8]) -> Result<Name, Errno> {
        let at = template.iter().position(|&b| b == b'%').unwrap_or(0);
        if template.get(at + 1) != Some(&b'd') || template[at + 2..].contains(&b'%') {
            return Err(Errno::EINVAL);
        }
        let numbers = self.numbers_of(template);
        let number = numbers.least();
        if number >= TEMPLATE_NUMBERS {
            return Err(Errno::ENFILE);
        }
        let mut name = template[..at].to_vec();
        name.extend_from_slice(number.to_string().as_bytes());
        name.extend_from_slice(&template[at + 2..]);
        let name = Name::new(&name);
        match self.by_name(name.bytes()) {
            Some(_) => Err(Errno::ENFILE),
            None => Ok(name),
        }
    }

    /// The account of a template; the first use walks all names once.
    fn numbers_of(&mut self, template: &[u8]) -> &mut Numbers {
        let place = self.templates.iter().position(|(known, _)| **known == *template);
        let place = place.unwrap_or_else(|| {
            if self.templates.len() == TEMPLATES {
                self.templates.remove(0);
            }
            let mut numbers = Numbers::default();
            let names = self.by_name.keys().map(Name::bytes).chain(self.by_altname.keys().map(|n| &**n));
            names.filter_map(|name| number_in(template, name)).for_each(|number| numbers.take(number));
            self.templates.push((template.into(), numbers));
            self.templates.len() - 1
        });
        &mut self.templates[place].1
    }

    /// The identifier that this namespace uses for another.
    pub fn id_of(&self, other: NetnsId) -> Option<u32> {
        self.ids.get(&other).copied()
    }

    /// The namespace that this one calls by an identifier.
    pub fn peer(&self, id: u32) -> Option<NetnsId> {
        self.peers.get(&id).copied()
    }

    /// All identifiers with what they stand for.
    pub fn peers(&self) -> impl Iterator<Item = (u32, NetnsId)> + '_ {
        self.peers.iter().map(|(id, netns)| (*id, *netns))
    }

    /// Gives a namespace an identifier: the one asked for, or the least that is free.
    pub(crate) fn name_peer(&mut self, other: NetnsId, wanted: Option<u32>) -> u32 {
        let least = || self.peers.keys().zip(0..).find(|(id, n)| **id != *n).map(|(_, n)| n);
        let id = wanted.or_else(least).unwrap_or(self.peers.len() as u32);
        self.peers.insert(id, other);
        self.ids.insert(other, id);
        id
    }

    /// Begins to end: forgets all identifiers. Gives the namespaces that know this one, and those that it knew.
    pub(crate) fn begin_end(&mut self) -> (BTreeSet<NetnsId>, BTreeSet<NetnsId>) {
        self.dying = true;
        self.peers.clear();
        let known = std::mem::take(&mut self.ids).into_keys().collect();
        (std::mem::take(&mut self.known_by), known)
    }

    /// Forgets a namespace; gives the identifier that it had.
    pub(crate) fn forget_peer(&mut self, other: NetnsId) -> Option<u32> {
        let id = self.ids.remove(&other)?;
        self.peers.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_the_least_free_number() {
        let mut netns = Netns::default();
        let id = DeviceId { slot: 0, generation: 0 };
        for n in ["veth0", "veth2", "veth01", "vethx"] {
            netns.enter_name(id, Name::new(n.as_bytes()));
        }
        assert_eq!(netns.free_name(b"veth%d"), Ok(Name::new(b"veth1")));
        netns.enter_name(id, Name::new(b"veth1"));
        assert_eq!(netns.free_name(b"veth%d"), Ok(Name::new(b"veth3")));
        netns.leave_name(Name::new(b"veth0"));
        assert_eq!(netns.free_name(b"veth%d"), Ok(Name::new(b"veth0")));
        assert_eq!(netns.free_name(b"a%d%d"), Err(Errno::EINVAL));
        assert_eq!(netns.free_name(b"a%x"), Err(Errno::EINVAL));
        assert_eq!(netns.free_name(b"100%"), Err(Errno::EINVAL));
        assert_eq!(netns.free_name(b"veth2"), Err(Errno::EEXIST));
    }

    #[test]
    fn identifiers_are_the_least_free() {
        let mut netns = Netns::default();
        assert_eq!(netns.name_peer(NetnsId(7), None), 0);
        assert_eq!(netns.name_peer(NetnsId(8), Some(2)), 2);
        assert_eq!(netns.name_peer(NetnsId(9), None), 1);
        assert_eq!(netns.forget_peer(NetnsId(7)), Some(0));
        assert_eq!(netns.name_peer(NetnsId(10), None), 0);
    }
}
