//! The next hops of a route of IPv6, in little room: there are two routes or three to every link, and nearly all of them
//! lead to that link and nowhere else.

use super::fib6::Nexthop;
use crate::device::DeviceId;

/// The next hops of a route. Most routes have one that is a link alone, and there are some to every link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Hops {
    Plain {
        device: DeviceId,
        ifindex: u32,
        flags: u8,
    },
    /// Boxed twice: a route with a plain next hop is not to pay for the length of a list.
    #[allow(clippy::box_collection)]
    Listed(Box<Vec<Nexthop>>),
}

impl Hops {
    /// The same as a list says.
    pub(crate) fn new(list: Vec<Nexthop>) -> Hops {
        match (list.as_slice(), list.first()) {
            (
                [_],
                Some(&Nexthop {
                    device,
                    ifindex,
                    gateway: None,
                    flags: flags @ 0..=0xff,
                    weight: 1,
                    encap: None,
                }),
            ) => Hops::Plain { device, ifindex, flags: flags as u8 },
            _ => Hops::Listed(Box::new(list)),
        }
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Nexthop> + Clone + '_ {
        let (plain, list) = match self {
            Hops::Plain { device, ifindex, flags } => {
                let (device, ifindex, flags) = (*device, *ifindex, u32::from(*flags));
                (Some(Nexthop { device, ifindex, gateway: None, flags, weight: 1, encap: None }), &[][..])
            }
            Hops::Listed(list) => (None, list.as_slice()),
        };
        plain.into_iter().chain(list.iter().cloned())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Hops::Plain { .. } => 1,
            Hops::Listed(list) => list.len(),
        }
    }

    /// The only one, if there is one alone.
    pub(crate) fn single(&self) -> Option<Nexthop> {
        self.iter().next().filter(|_| self.len() == 1)
    }

    /// Keeps those that are wanted.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Nexthop) -> bool) {
        *self = Hops::new(self.iter().filter(|hop| keep(hop)).collect());
    }

    /// Adds those of another route, up to so many.
    pub(crate) fn join(&mut self, others: &Hops, most: usize) {
        *self = Hops::new(self.iter().chain(others.iter()).take(most).collect());
    }

    /// Clears and sets flags of those through a device.
    pub(super) fn mark(&mut self, id: DeviceId, clear: u32, set: u32) {
        let marked = |mut hop: Nexthop| {
            if hop.device == id {
                hop.flags = hop.flags & !clear | set;
            }
            hop
        };
        *self = match self {
            Hops::Plain { device, ifindex, flags } if *device == id => {
                let flags = flags.to_owned() & !(clear as u8) | set as u8;
                Hops::Plain { device: id, ifindex: *ifindex, flags }
            }
            Hops::Plain { .. } => return,
            Hops::Listed(list) => Hops::new(list.iter().cloned().map(marked).collect()),
        };
    }
}
