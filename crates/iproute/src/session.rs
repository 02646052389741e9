//! A conversation with the kernel of one namespace, and the links' names that were learnt in it.
//!
//! Names and indexes are asked for one at a time when they are first needed, and kept: a command that prints a
//! hundred vlans of one link asks for that link's name once. What a dump brought is kept too, and while one is under
//! way that may still bring a name, the name is missed and not asked for. Nothing is forgotten but what a notification or
//! the caller says is gone; the commands are short.

use rtnl::attr::Builder;
use rtnl::client::{Channel, Client, Links};
use rtnl::errno::Errno;
use rtnl::message::{Message, Messages};
use rtnl::object::link::{
    ALTNAME_MAX, IFLA_ALT_IFNAME, IFLA_EXT_MASK, IFLA_IFNAME, IFLA_PROP_LIST, Ifinfo, NAME_MAX,
    RTEXT_FILTER_SKIP_STATS, RTEXT_FILTER_VF, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK,
};
use rtnl::table::Tb;
use std::collections::BTreeMap;

/// What is kept of a link.
#[derive(Clone, Debug, Default)]
struct Known {
    name: String,
    /// Whether a message gave it another name since. The tool files it anew then, and shows the old name.
    renamed: bool,
    altnames: Vec<String>,
    flags: u32,
    kind: u16,
    /// The dump during which a message told of it last.
    dump: u32,
}

/// A channel and what was learnt over it.
pub struct Session {
    channel: Box<dyn Channel>,
    seq: u32,
    warnings: Vec<String>,
    links: BTreeMap<u32, Known>,
    /// How many dumps of links were under way so far, and whether one is.
    dump: u32,
    expecting: bool,
    missed: bool,
}

impl Session {
    /// A session over a channel of its own.
    pub fn new(channel: Box<dyn Channel>) -> Self {
        let (warnings, links) = (Vec::new(), BTreeMap::new());
        Session { channel, seq: 0, warnings, links, dump: 0, expecting: false, missed: false }
    }

    /// Holds a conversation.
    ///
    /// # Errors
    /// Whatever the conversation gives.
    pub fn client<T, E>(
        &mut self,
        conversation: impl FnOnce(&mut Client<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut client = Client::resume(&mut *self.channel, self.seq);
        let answer = conversation(&mut client);
        self.seq = client.seq();
        self.warnings.append(&mut client.take_warnings());
        answer
    }

    /// The sentences of requests that succeeded with a remark.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Joins a multicast group.
    ///
    /// # Errors
    /// What the transport says.
    pub fn join(&mut self, group: u32) -> Result<(), Errno> {
        self.channel.join(group)
    }

    /// Receives one datagram that nobody asked for; EAGAIN if there is none.
    ///
    /// # Errors
    /// What the transport says.
    pub fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        self.channel.receive(datagram)
    }

    /// Keeps what a message tells of a link; forgets the link if the message says that it is gone.
    pub fn learn(&mut self, message: &Message<'_>) {
        let Some(info) = Ifinfo::decode(message) else { return };
        let ifindex = info.ifindex as u32;
        match message.header.kind {
            RTM_DELLINK => {
                self.links.remove(&ifindex);
            }
            RTM_NEWLINK => {
                let attrs = message.attrs(Ifinfo::SIZE);
                let Some(name) = attrs.find(IFLA_IFNAME) else { return };
                let properties = attrs.find(IFLA_PROP_LIST);
                let altnames = properties.into_iter().flat_map(|list| list.attrs());
                let altnames = altnames.filter(|attr| attr.number == IFLA_ALT_IFNAME);
                let altnames = altnames.map(|attr| attr.text().into_owned()).collect();
                let new = Known {
                    name: name.text().into_owned(),
                    renamed: false,
                    altnames,
                    flags: info.flags,
                    kind: info.kind,
                    dump: self.dump,
                };
                let known = match self.links.remove(&ifindex) {
                    Some(old) if old.name != new.name => Known { name: old.name, renamed: true, ..new },
                    _ => new,
                };
                self.links.insert(ifindex, known);
            }
            _ => {}
        }
    }

    /// Says whether a dump of links is under way elsewhere: a link that it did not tell of yet is missed then, and not
    /// asked for.
    pub fn expect_links(&mut self, expecting: bool) {
        self.dump = self.dump.wrapping_add(u32::from(expecting));
        self.expecting = expecting;
    }

    /// Misses something, if a dump of links is under way that must be over first.
    pub fn misses(&mut self) -> bool {
        self.missed |= self.expecting;
        self.expecting
    }

    /// Whether a link was missed since this was last asked.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Forgets one link, after a request that may have changed its name.
    pub fn forget_link(&mut self, ifindex: u32) {
        self.links.remove(&ifindex);
    }

    /// Forgets every link, after something changed that may have renamed or moved some.
    pub fn forget(&mut self) {
        self.links.clear();
    }

    /// The flags of a link; none if it is not there.
    pub fn flags(&mut self, ifindex: u32) -> Option<u32> {
        self.known(ifindex).map(|known| known.flags)
    }

    /// The type of a link, `ARPHRD_*`; none if it is not there.
    pub fn kind(&mut self, ifindex: u32) -> Option<u16> {
        self.known(ifindex).map(|known| known.kind)
    }

    fn known(&mut self, ifindex: u32) -> Option<&Known> {
        let told = self.links.get(&ifindex).map(|known| known.dump);
        if self.expecting && told != Some(self.dump) {
            self.missed = true;
            return None;
        }
        if told.is_none() {
            self.fetch(Ifinfo { ifindex: ifindex as i32, ..Ifinfo::default() }, None);
        }
        self.links.get(&ifindex)
    }

    /// Asks for one link by index or name, keeps the answer and gives the index.
    fn fetch(&mut self, info: Ifinfo, name: Option<&str>) -> Option<u32> {
        let mut body = Builder::new();
        info.encode(&mut body);
        body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
        if let Some(name) = name {
            let attribute = if is_ifname(name) { IFLA_IFNAME } else { IFLA_ALT_IFNAME };
            body.string(attribute, name.as_bytes());
        }
        let answer = self.client(|client| client.ask(RTM_GETLINK, 0, &body.bytes)).ok()?;
        let message = Messages(&answer).next()?;
        self.learn(&message);
        let tb = Tb::read(message.attrs(Ifinfo::SIZE));
        let info = Ifinfo::decode(&message)?;
        tb.has(IFLA_IFNAME).then_some(info.ifindex as u32)
    }
}

impl Links for Session {
    /// By name, by alternative name (the kernel takes either in the place of the other when it is short enough),
    /// and at last by the form `if7`.
    fn index(&mut self, name: &str) -> Option<u32> {
        let is_it = |known: &Known| {
            !known.renamed && known.name == name || known.altnames.iter().any(|alt| alt == name)
        };
        if let Some((index, _)) = self.links.iter().find(|(_, known)| is_it(known)) {
            return Some(*index);
        }
        if name.len() > ALTNAME_MAX {
            return None;
        }
        self.fetch(Ifinfo::default(), Some(name)).or_else(|| index_form(name))
    }

    fn name(&mut self, ifindex: u32) -> String {
        if ifindex == 0 {
            return "*".into();
        }
        self.known(ifindex).map_or_else(|| format!("if{ifindex}"), |known| known.name.clone())
    }
}

/// Whether a text can be a link's name and not only an alternative one, as the tool sees it.
pub fn is_ifname(name: &str) -> bool {
    let ends = |c: char| c == '/' || c == '\x0b' || c.is_ascii_whitespace();
    !name.is_empty() && name.len() <= NAME_MAX && !name.contains(ends)
}

/// The index in the form `if7`, which the tool takes for a link's name when there is no link of that name.
fn index_form(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("if")?;
    let end = digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok().filter(|index| *index > 0)
}
