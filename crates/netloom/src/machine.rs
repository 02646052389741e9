//! The embedded machine: one kernel, the names of its namespaces, and a clock.
//!
//! Time is virtual: each command takes [`PACE`], and `sleep` and `ping` as long as they say. So what the kernel does
//! by itself a moment after a command (reports of groups, the search for duplicate addresses) comes before the next
//! command, as it does on Linux.
//!
//! It is the world that `ip` runs in when no Linux is asked for. Commands begin in a namespace of their own, not in
//! the kernel's initial one, so that a NIC which goes home to the initial namespace is out of their sight — as it is
//! for a scenario that was recorded in a namespace of its own. A namespace lives while it has a name, while a command
//! is in it, or while a monitor in the background is.

use crate::console::Console;
use crate::monitor::Monitor;
use crate::nic::Nic;
use crate::watch::Watch;
use iproute::host::{Entered, Host, Membership, NotBound};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::client::Channel;
use rtnl::errno::Errno;
use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The time of day at which every machine begins, in microseconds since 1970: 2022-12-11 22:15:00 UTC, when Linux
/// 6.1 was released. Runs must not differ by the clock on the wall.
pub(crate) const BEGINNING: u64 = 1_670_796_900_000_000;
/// Microseconds that a command takes: about as long as a real Linux needs to start a shell and a program.
pub(crate) const PACE: u64 = 100_000;
/// The longest time that passes without those who watch frames hearing of them, in microseconds.
const WATCHED: u64 = 1_000_000;
/// How deep `ip netns exec` may be nested in one command.
pub(crate) const DEPTH_MAX: usize = 16;
/// The number of the machine's one process, which `ip netns attach` and `identify` may name.
const INIT_PID: u32 = 1;

/// The number of what was opened as a namespace and is none: the kernel refuses it.
const NO_NETNS: u32 = u32::MAX;

/// What the channels and the machine share.
struct World {
    kernel: Kernel,
    now: Instant,
}

/// The names of namespaces, as `/run/netns` holds them.
#[derive(Default)]
struct Names {
    /// The age of each name and what it stands for; none if that can be seen no longer.
    by_name: BTreeMap<String, (u64, Option<NetnsId>)>,
    by_age: BTreeMap<u64, String>,
    /// How many names a namespace has, and which.
    of: BTreeMap<NetnsId, Vec<String>>,
    /// Names that were given inside other namespaces, with how deep.
    inside: Vec<(usize, String)>,
    made: u64,
}

/// What a name or path leads to.
enum Opened {
    Netns(NetnsId),
    /// A file that is no namespace.
    Other,
}

impl Names {
    fn get(&self, name: &str) -> Option<Opened> {
        let (_, netns) = self.by_name.get(name)?;
        Some(netns.map_or(Opened::Other, Opened::Netns))
    }

    /// A name is given by a command that is so deep inside other namespaces.
    fn add(&mut self, name: &str, netns: NetnsId, depth: usize) {
        self.made += 1;
        self.by_name.insert(name.into(), (self.made, Some(netns)));
        self.by_age.insert(self.made, name.into());
        self.of.entry(netns).or_default().push(name.into());
        if depth > 0 {
            self.inside.push((depth, name.into()));
        }
    }

    /// Removes a name and gives what it stood for; none if there is no such name.
    fn remove(&mut self, name: &str) -> Option<Option<NetnsId>> {
        let (age, netns) = self.by_name.remove(name)?;
        self.by_age.remove(&age);
        self.inside.retain(|(_, other)| other != name);
        if let Some(netns) = netns {
            self.forget(name, netns);
        }
        Some(netns)
    }

    fn forget(&mut self, name: &str, netns: NetnsId) {
        let Some(names) = self.of.get_mut(&netns) else { return };
        names.retain(|other| other != name);
        if names.is_empty() {
            self.of.remove(&netns);
        }
    }

    /// A command comes back up to that depth. `ip` enters a namespace with mounts of its own, so of the names that
    /// were given further down the files are left, and nothing is behind them. Gives what was behind them.
    fn surface(&mut self, depth: usize) -> Vec<NetnsId> {
        let inside = std::mem::take(&mut self.inside);
        let (lost, kept): (Vec<_>, Vec<_>) = inside.into_iter().partition(|(made, _)| *made > depth);
        self.inside = kept;
        let mut behind = Vec::new();
        for (_, name) in lost {
            if let Some(netns) = self.by_name.get_mut(&name).and_then(|(_, netns)| netns.take()) {
                self.forget(&name, netns);
                behind.push(netns);
            }
        }
        behind
    }
}

/// Where a command is: its namespace, and those that it entered this one from.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    netns: NetnsId,
    entered_from: Vec<NetnsId>,
}

/// A machine whose commands print to `console`.
pub struct Machine<C: Console> {
    /// Where the commands print.
    pub console: C,
    world: Rc<RefCell<World>>,
    names: Names,
    /// How many commands are in a namespace.
    held: BTreeMap<NetnsId, usize>,
    pub(crate) place: Place,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) watch: Watch,
    pub(crate) can: crate::can::Dumps,
    pub(crate) team: crate::team::Daemons,
    /// Where the chance of programs comes from.
    chance: u64,
    /// How many programs run inside one another.
    pub(crate) depth: usize,
    pub(crate) nc: crate::nc::Running,
    /// What the present command reads, where it was given with the command.
    pub(crate) input: Option<String>,
    /// Whether the program's own standard input belongs to the commands.
    pub(crate) owns_input: bool,
    /// Microseconds that a command takes.
    pub(crate) pace: u64,
    /// Cables to the outside, if there are any: then time is real.
    #[cfg(target_os = "linux")]
    pub(crate) live: Option<crate::live::Live>,
    /// The domains that programs' sockets are bound to, by name and link (`ip vrf exec`); the last counts.
    bound: Vec<Option<(String, u32)>>,
}

impl<C: Console> Machine<C> {
    /// A machine that was just switched on; `seed` decides the addresses that nobody chose.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(seed: u64, console: C) -> Result<Self, Errno> {
        let mut kernel = Kernel::new(seed);
        let netns = kernel.create_netns()?;
        let world = World { kernel, now: Instant(0) };
        Ok(Machine {
            console,
            world: Rc::new(RefCell::new(world)),
            names: Names::default(),
            held: BTreeMap::from([(netns, 1)]),
            place: Place { netns, entered_from: Vec::new() },
            monitors: Vec::new(),
            watch: Watch::default(),
            can: crate::can::Dumps::default(),
            team: crate::team::Daemons::default(),
            nc: crate::nc::Running::default(),
            input: None,
            chance: seed,
            depth: 0,
            owns_input: false,
            pace: PACE,
            #[cfg(target_os = "linux")]
            live: None,
            bound: Vec::new(),
        })
    }

    /// The next number by chance, of those that the seed gives to programs (splitmix64).
    pub(crate) fn random(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ self.chance >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Lets the commands read the program's standard input (`ip -b -`); without this it is empty for them.
    pub fn own_input(&mut self) {
        self.owns_input = true;
    }

    /// Puts a NIC into the current namespace.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_nic(&mut self, nic: &Nic) -> Result<u32, Errno> {
        self.world.borrow_mut().kernel.add_nic(self.place.netns, &nic.name, nic.mac)
    }

    /// Lets time pass until something may have come, so many microseconds at most. Where nothing comes from outside,
    /// that is the whole time.
    pub(crate) fn pass_until_heard(&mut self, micros: u64) {
        #[cfg(target_os = "linux")]
        if self.live.is_some() {
            let end = Instant(self.kernel().1.0.saturating_add(micros));
            self.live_until(end, true);
            return;
        }
        self.pass(micros);
    }

    /// Lets time pass, in microseconds; what is due happens.
    pub fn pass(&mut self, micros: u64) {
        let end = Instant(self.kernel().1.0.saturating_add(micros));
        // Whoever watches frames hears of them now and then, or there would be too many to remember; and programs go on.
        self.go_on_with_nc();
        while self.watch.is_on() || self.nc.is_on() {
            let (kernel, now) = self.kernel();
            let timers = kernel.next_timeout().into_iter();
            drop(kernel);
            let next = timers.chain(self.nc.due()).min().filter(|next| *next < end);
            let Some(next) = next else { break };
            let slack = if self.nc.is_on() { 0 } else { WATCHED };
            self.advance(Instant(next.max(now).0.saturating_add(slack)).min(end));
            self.gather_frames();
            self.go_on_with_nc();
        }
        self.advance(end);
        self.go_on_with_nc();
    }

    /// Lets the kernel's time come to that.
    fn advance(&mut self, now: Instant) {
        #[cfg(target_os = "linux")]
        if self.live.is_some() {
            return self.live_until(now, false);
        }
        self.set_time(now);
    }

    pub(crate) fn set_time(&mut self, now: Instant) {
        let mut world = self.world.borrow_mut();
        world.now = now;
        world.kernel.advance(now);
    }

    /// The kernel and its time, between commands.
    pub(crate) fn kernel(&mut self) -> (RefMut<'_, Kernel>, Instant) {
        let world = self.world.borrow_mut();
        let now = world.now;
        (RefMut::map(world, |world| &mut world.kernel), now)
    }

    /// How many frames died of each reason, by the reason's name.
    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        self.world.borrow().kernel.drops()
    }

    /// The namespace that the commands are in.
    pub(crate) fn here(&self) -> NetnsId {
        self.place.netns
    }

    /// The link that programs' sockets are bound to.
    pub(crate) fn bound_to(&self) -> Option<u32> {
        self.bound.last()?.as_ref().map(|(_, link)| *link)
    }

    /// The namespace of that name; that in which commands run, if the name is empty.
    pub(crate) fn netns_named(&self, name: &str) -> Option<NetnsId> {
        match self.names.get(name) {
            _ if name.is_empty() => Some(self.place.netns),
            Some(Opened::Netns(netns)) => Some(netns),
            _ => None,
        }
    }

    /// The first name of a namespace; none if it has none.
    pub(crate) fn name_of(&self, netns: NetnsId) -> Option<&str> {
        self.names.of.get(&netns).and_then(|names| names.first()).map(String::as_str)
    }

    /// The name of the current namespace; none for the one that the machine began in.
    pub fn netns_name(&self) -> Option<&str> {
        self.name_of(self.place.netns)
    }

    pub(crate) fn sysctl(&self, name: &str) -> Result<String, Errno> {
        self.world.borrow().kernel.sysctl(self.place.netns, name)
    }

    pub(crate) fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), Errno> {
        self.world.borrow_mut().kernel.set_sysctl(self.place.netns, name, value)
    }

    /// The namespace that an opened name or path means.
    fn resolve(&self, name: &str) -> Option<Opened> {
        match name {
            // The directory of the names, and the one above.
            "" | "." | ".." => Some(Opened::Other),
            name if !name.contains('/') => self.names.get(name),
            "/proc/self/ns/net" | "/proc/thread-self/ns/net" => Some(Opened::Netns(self.place.netns)),
            path => {
                let name =
                    path.strip_prefix("/run/netns/").or_else(|| path.strip_prefix("/var/run/netns/"))?;
                self.names.get(name)
            }
        }
    }

    /// Where the commands are now, for a monitor that stays there.
    pub(crate) fn stay(&mut self) -> Place {
        let place = self.place.clone();
        for netns in place.entered_from.iter().chain([&place.netns]) {
            *self.held.entry(*netns).or_default() += 1;
        }
        place
    }

    /// The reverse of [`Machine::stay`].
    pub(crate) fn depart(&mut self, place: &Place) {
        for netns in place.entered_from.iter().chain([&place.netns]) {
            self.let_go(*netns);
        }
    }

    /// One command fewer is in a namespace.
    fn let_go(&mut self, netns: NetnsId) {
        match self.held.get_mut(&netns) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.held.remove(&netns);
                self.end_if_unused(netns);
            }
        }
    }

    fn end_if_unused(&mut self, netns: NetnsId) {
        if self.names.of.contains_key(&netns) || self.held.contains_key(&netns) {
            return;
        }
        let mut world = self.world.borrow_mut();
        let now = world.now;
        // It could be refused only if the namespace were not there, and then there is nothing to end.
        let _ = world.kernel.destroy_netns(now, netns);
    }
}

impl<C: Console> Host for Machine<C> {
    fn channel(&mut self) -> Result<Box<dyn Channel>, Errno> {
        let client = self.world.borrow_mut().kernel.open(self.place.netns)?;
        Ok(Box::new(Socket { world: Rc::clone(&self.world), client }))
    }

    fn netns_names(&mut self) -> Result<Vec<String>, Errno> {
        Ok(self.names.by_age.values().rev().cloned().collect())
    }

    fn netns_add(&mut self, name: &str) -> Result<(), Errno> {
        if self.names.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let netns = self.world.borrow_mut().kernel.create_netns()?;
        self.names.add(name, netns, self.place.entered_from.len());
        Ok(())
    }

    fn netns_attach(&mut self, name: &str, pid: u32) -> Result<(), Errno> {
        if self.names.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        if pid != INIT_PID {
            return Err(Errno::ENOENT);
        }
        self.names.add(name, self.place.netns, self.place.entered_from.len());
        Ok(())
    }

    fn netns_delete(&mut self, name: &str) -> Result<(), Errno> {
        if let Some(netns) = self.names.remove(name).ok_or(Errno::ENOENT)? {
            self.end_if_unused(netns);
        }
        Ok(())
    }

    fn netns_open(&mut self, name: &str) -> Result<u32, Errno> {
        match self.resolve(name).ok_or(Errno::ENOENT)? {
            Opened::Netns(netns) => Ok(netns.0),
            Opened::Other => Ok(NO_NETNS),
        }
    }

    fn netns_close(&mut self, _fd: u32) {
        // Numbers of namespaces are not handed out anew, so an opened one needs no keeping.
    }

    fn netns_enter(&mut self, name: &str) -> Result<Entered, Errno> {
        let Opened::Netns(netns) = self.resolve(name).ok_or(Errno::ENOENT)? else {
            return Err(Errno::EINVAL);
        };
        let depth = self.place.entered_from.len() as u64;
        self.place.entered_from.push(self.place.netns);
        self.place.netns = netns;
        *self.held.entry(netns).or_default() += 1;
        Ok(Entered(depth))
    }

    fn netns_leave(&mut self, entered: Entered) {
        let depth = usize::try_from(entered.0).unwrap_or(usize::MAX);
        while self.place.entered_from.len() > depth {
            let left = self.place.netns;
            let Some(home) = self.place.entered_from.pop() else { return };
            self.place.netns = home;
            self.let_go(left);
        }
        for netns in self.names.surface(depth) {
            self.end_if_unused(netns);
        }
    }

    fn netns_identify(&mut self, pid: Option<u32>) -> Result<Vec<String>, Errno> {
        if pid.is_some_and(|pid| pid != INIT_PID) {
            return Err(Errno::ENOENT);
        }
        Ok(self.names.of.get(&self.place.netns).cloned().unwrap_or_default())
    }

    fn netns_pids(&mut self, name: &str) -> Result<Vec<u32>, Errno> {
        self.names.get(name).map(|_| Vec::new()).ok_or(Errno::ENOENT)
    }

    fn execute(&mut self, words: &[String]) -> Result<i32, Errno> {
        if self.depth >= DEPTH_MAX {
            return Err(Errno::ELOOP);
        }
        self.depth += 1;
        let status = self.run_program(words);
        self.depth -= 1;
        status.ok_or(Errno::ENOENT)
    }

    fn vrf_enter(&mut self, name: &str, link: Option<u32>) -> Result<(), NotBound> {
        self.bound.push(link.map(|link| (name.to_string(), link)));
        Ok(())
    }

    fn vrf_leave(&mut self) {
        self.bound.pop();
    }

    /// There are no processes but the one that asks.
    fn vrf_identify(&mut self, pid: Option<u32>) -> Result<String, Errno> {
        match pid {
            None => Ok(self
                .bound
                .last()
                .and_then(Option::as_ref)
                .map(|(name, _)| name.clone())
                .unwrap_or_default()),
            Some(INIT_PID) => Ok(String::new()),
            Some(_) => Err(Errno::ENOENT),
        }
    }

    fn memberships(&mut self, family: u8) -> Result<Vec<Membership>, Errno> {
        let netns = self.place.netns;
        let told = self.world.borrow().kernel.memberships(netns, family);
        let one = |one: kernel::Membership| Membership {
            ifindex: one.ifindex,
            link: one.link,
            address: one.address,
            users: one.users,
            fixed: one.fixed,
        };
        Ok(told.into_iter().map(one).collect())
    }

    fn set_membership(&mut self, link: &str, address: [u8; 6], join: bool) -> Result<(), Errno> {
        let netns = self.place.netns;
        self.world.borrow_mut().kernel.set_membership(netns, link, address, join)
    }

    fn read_file(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        if path == "-" {
            if let Some(input) = self.input.take() {
                return Ok(input.into_bytes());
            }
            if !self.owns_input {
                return Ok(Vec::new());
            }
        }
        edge::system::read_file(path)
    }

    fn find_file(&mut self, path: &str) -> Result<(), Errno> {
        edge::system::find_file(path)
    }

    fn out_bytes(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        // A machine that was lent no standard streams keeps a transcript, which is text.
        if self.owns_input { crate::console::write_bytes(bytes) } else { Err(Errno::EOPNOTSUPP) }
    }

    fn out_is_terminal(&mut self) -> bool {
        self.owns_input && std::io::IsTerminal::is_terminal(&std::io::stdout())
    }

    fn time_of_day(&mut self) -> u64 {
        BEGINNING.saturating_add(self.world.borrow().now.0)
    }

    /// While a command runs nothing else does, so nothing can come.
    fn wait(&mut self) -> bool {
        self.err(
            "netloom: nothing can happen while this waits; end the line with ` &` to watch later commands\n",
        );
        false
    }

    fn out(&mut self, text: &str) {
        self.console.out(text);
    }

    fn err(&mut self, text: &str) {
        self.console.err(text);
    }
}

/// A netlink socket of the embedded kernel.
struct Socket {
    world: Rc<RefCell<World>>,
    client: ClientId,
}

impl Channel for Socket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let mut world = self.world.borrow_mut();
        let now = world.now;
        world.kernel.handle(now, self.client, datagram)
    }

    fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        datagram.clear();
        let got = self.world.borrow_mut().kernel.receive(self.client, datagram);
        if got { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    fn receive_within(&mut self, room: usize, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        datagram.clear();
        let got = self.world.borrow_mut().kernel.receive_within(self.client, room, datagram);
        if got == Ok(true) { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    fn join(&mut self, group: u32) -> Result<(), Errno> {
        self.world.borrow_mut().kernel.join(self.client, group)
    }

    fn listen_all(&mut self) -> Result<(), Errno> {
        self.world.borrow_mut().kernel.listen_to_all(self.client)
    }

    fn sender(&self) -> Option<i32> {
        self.world.borrow().kernel.sender(self.client).and_then(|id| i32::try_from(id).ok())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.borrow_mut().kernel.close(self.client);
    }
}
