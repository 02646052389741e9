//! Linux as the world that the commands run in: each thing a command needs is one call of `edge`.
//!
//! Entering a namespace moves the calling thread, so a host lives in one thread. Channels and opened namespaces stay
//! where they were made. Mounts change for programs only, never for a command.

use crate::linux_vrf;
use crate::missing::{missing, on_this_system};
use crate::own_tools::{OwnTools, runs_here};
use edge::cgroup::Members;
use edge::execute::{Failure, Program};
use edge::netlink::{Netlink, Watch};
use edge::stock::Stock;
use edge::{capability, execute, multicast, netlink, netns, private, system};
use iproute::context::{AF_INET, AF_INET6, AF_PACKET};
use iproute::host::{Entered, Host, KILLED, Membership, NameChange, NotBound};
use rtnl::client::Channel;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

/// The status of a command whose program could not be given its view of the file system or its control group.
const NOT_BEGUN: i32 = 255;

/// So many namespaces are worth a thread that makes them ahead.
const FEW: usize = 4;

/// Moves this process into user, network and mount namespaces of its own.
///
/// # Errors
/// What could not be had and why, and what the user can do.
pub fn go_apart() -> Result<(), String> {
    private::enter().map_err(|failure| {
        let private::Failure { what, errno, remedy } = failure;
        let remedy = remedy.map(|remedy| format!(": {remedy}")).unwrap_or_default();
        format!(
            "--private cannot have {what} ({errno}){remedy}\n\
             netloom: run it as root, or leave `--on linux --private` out: the embedded kernel needs no permission"
        )
    })
}

/// A namespace that was entered.
struct Visit {
    /// The one that was current before.
    home: OwnedFd,
    name: String,
}

/// The host whose kernel is Linux.
#[derive(Default)]
pub struct LinuxHost {
    /// Whether a program takes the place of this process.
    replaces: bool,
    own: OwnTools,
    visits: Vec<Visit>,
    /// The control groups that programs join, for each routing domain that was entered; the last counts. None where
    /// this process is in the group itself.
    bound: Vec<Option<Members>>,
    opened: BTreeMap<u32, OwnedFd>,
    watches: Vec<Watch>,
    names: Option<netns::NameWatch>,
    /// Namespaces that are made ahead, and how many others were entered where they begin.
    stock: Option<(Stock, usize)>,
}

impl LinuxHost {
    /// A host for many commands: programs run beside this process.
    pub fn new() -> Self {
        LinuxHost { own: OwnTools::new(true), ..Self::default() }
    }

    /// A host for one command line of `ip` or `bridge`. Where a program is the last thing that happens it takes the
    /// place of this process, so that signals and the terminal are its own. `stands_in` says that this program was
    /// called as `ip`; then other programs of that name may be meant.
    pub fn for_command(stands_in: bool) -> Self {
        LinuxHost { replaces: true, own: OwnTools::new(!stands_in), ..Self::default() }
    }

    fn start(&mut self, words: &[String]) -> Result<i32, Failure> {
        let visited: Vec<&str> = self.visits.iter().map(|visit| visit.name.as_str()).collect();
        let program = match words.first() {
            Some(name) if self.own.has(name) => Program::This,
            _ => Program::Named,
        };
        if self.replaces {
            return execute::replace(words, program, &visited).map(|never| match never {});
        }
        let group = self.bound.last().and_then(Option::as_ref);
        let ended = execute::run(words, program, &visited, group)?;
        Ok(execute::killer(ended).map_or_else(|| execute::status(ended), |signal| KILLED + signal as i32))
    }
}

impl Host for LinuxHost {
    fn channel(&mut self) -> Result<Box<dyn Channel>, Errno> {
        let channel = Netlink::open()?;
        self.watches.retain(Watch::is_open);
        self.watches.push(channel.watch());
        Ok(Box::new(channel))
    }

    fn netns_names(&mut self) -> Result<Vec<String>, Errno> {
        netns::names()
    }

    fn netns_add(&mut self, name: &str) -> Result<(), Errno> {
        let here = self.visits.len();
        let stock = self.stock.as_ref().filter(|(_, depth)| *depth == here && !netns::is_taken(name));
        match stock.and_then(|(stock, _)| stock.take()) {
            Some(namespace) => netns::add_opened(name, &namespace),
            None => netns::add(name),
        }
    }

    fn netns_expect(&mut self, count: usize) {
        // A thread costs more than a few namespaces made ahead would gain. If there is none to be had nothing is lost.
        let stock = if count < FEW { None } else { Stock::begin(count).ok() };
        self.stock = stock.map(|stock| (stock, self.visits.len()));
    }

    fn netns_attach(&mut self, name: &str, pid: u32) -> Result<(), Errno> {
        netns::attach(name, pid)
    }

    fn netns_delete(&mut self, name: &str) -> Result<(), Errno> {
        netns::delete(name)
    }

    fn netns_open(&mut self, name: &str) -> Result<u32, Errno> {
        let namespace = netns::open(name)?;
        let fd = u32::try_from(namespace.as_raw_fd()).map_err(|_| Errno::EBADF)?;
        self.opened.insert(fd, namespace);
        Ok(fd)
    }

    fn netns_close(&mut self, fd: u32) {
        self.opened.remove(&fd);
    }

    fn netns_enter(&mut self, name: &str) -> Result<Entered, Errno> {
        let namespace = netns::open_named(name)?;
        let home = netns::current()?;
        netns::enter(&namespace)?;
        self.visits.push(Visit { home, name: name.to_string() });
        Ok(Entered(self.visits.len() as u64 - 1))
    }

    fn netns_leave(&mut self, entered: Entered) {
        let Some(depth) = usize::try_from(entered.0).ok().filter(|depth| *depth < self.visits.len()) else {
            return;
        };
        let home = self.visits.drain(depth..).next().map(|visit| visit.home);
        if let Some(Err(why)) = home.as_ref().map(netns::enter) {
            // Whatever came next would happen in the wrong namespace.
            system::write_err(&format!("cannot go back to the network namespace: {why}\n"));
            std::process::exit(1);
        }
    }

    fn netns_identify(&mut self, pid: Option<u32>) -> Result<Vec<String>, Errno> {
        netns::identify(pid)
    }

    fn netns_pids(&mut self, name: &str) -> Result<Vec<u32>, Errno> {
        netns::pids(name)
    }

    fn execute(&mut self, words: &[String]) -> Result<i32, Errno> {
        if words.first().is_some_and(|name| self.own.has(name)) {
            if let Some(tool) = runs_here(words) {
                return Ok(tool(self, &words[1..]));
            }
        }
        match self.start(words) {
            Ok(status) => Ok(status),
            Err(Failure::Start(errno)) => Err(errno),
            Err(Failure::Group) => {
                system::write_err("Failed to join cgroup\n");
                Ok(NOT_BEGUN)
            }
            Err(Failure::View(what, errno)) => {
                system::write_err(&format!("{what}: {errno}\n"));
                Ok(NOT_BEGUN)
            }
        }
    }

    fn expect_more(&mut self) {
        self.replaces = false;
    }

    fn vrf_enter(&mut self, name: &str, link: Option<u32>) -> Result<(), NotBound> {
        let members = linux_vrf::prepare(name, link)?;
        if !self.replaces {
            self.bound.push(Some(members));
            return Ok(());
        }
        members.join().map_err(|_| NotBound::Join)?;
        keep_no_rights();
        self.bound.push(None);
        Ok(())
    }

    fn vrf_leave(&mut self) {
        self.bound.pop();
    }

    fn vrf_identify(&mut self, pid: Option<u32>) -> Result<String, Errno> {
        linux_vrf::identify(pid)
    }

    fn vrf_pids(&mut self, name: &str) -> Result<Vec<(u32, Option<String>)>, NotBound> {
        linux_vrf::pids(name)
    }

    fn read_file(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        system::read_file(path)
    }

    fn find_file(&mut self, path: &str) -> Result<(), Errno> {
        system::find_file(path)
    }

    fn out_bytes(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        crate::console::write_bytes(bytes)
    }

    fn out_is_terminal(&mut self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stdout())
    }

    fn read_input(&mut self) -> Option<Result<Vec<u8>, Errno>> {
        Some(system::read_input())
    }

    fn memberships(&mut self, family: u8) -> Result<Vec<Membership>, Errno> {
        let told = match family {
            AF_PACKET => multicast::link_layer(),
            AF_INET => multicast::inet(),
            AF_INET6 => multicast::inet6(),
            _ => Err(Errno::EAFNOSUPPORT),
        };
        let all = told?.into_iter().map(|one| {
            let multicast::Membership { ifindex, link, address, users, fixed } = one;
            Membership { ifindex, link, address, users, fixed }
        });
        Ok(all.collect())
    }

    fn set_membership(&mut self, link: &str, address: [u8; 6], join: bool) -> Result<(), Errno> {
        multicast::set(link, address, join)
    }

    fn explain(&mut self, words: &[String], refusal: &Refusal) {
        if self.own.stand_in() {
            return;
        }
        if let Some(text) = on_this_system(|system| missing(words, refusal, system)) {
            self.err(&format!("netloom: {text}\n"));
        }
    }

    fn time_of_day(&mut self) -> u64 {
        system::time_of_day()
    }

    fn wait(&mut self) -> bool {
        netlink::wait(&self.watches)
    }

    fn netns_changes(&mut self, _: &mut Vec<String>) -> Result<Option<Vec<NameChange>>, Errno> {
        let watch = match self.names.take() {
            Some(watch) => watch,
            None => netns::NameWatch::new()?,
        };
        let changes = self.names.insert(watch).next()?.into_iter();
        Ok(Some(changes.map(|netns::Change { name, added }| NameChange { name, added }).collect()))
    }

    fn out(&mut self, text: &str) {
        system::write_out(text);
    }

    fn err(&mut self, text: &str) {
        system::write_err(text);
    }
}

/// Gives up rights that the file of this program was given beyond its user's, unless these words of `ip` are those
/// that they are for: `vrf exec`.
pub fn keep_rights_for(words: &[String]) {
    if !words.iter().take(2).eq(&["vrf", "exec"]) {
        keep_no_rights();
    }
}

fn keep_no_rights() {
    if let Err(why) = capability::give_up() {
        // To go on would do what the user has no right to.
        system::write_err(&format!("netloom: rights cannot be given up: {why}\n"));
        std::process::exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_what_was_not_entered_does_nothing() {
        let mut host = LinuxHost::new();
        host.netns_leave(Entered(0));
        host.netns_leave(Entered(u64::MAX));
        assert_eq!(host.netns_enter("no such name").map(|_| ()), Err(Errno::ENOENT));
        assert!(!host.wait(), "no channel has joined a group");
    }
}
