//! What the commands need of the world they run in, and cannot know: which kernel answers, where namespaces'
//! names are kept, how another program is run, what time it is.

use rtnl::client::Channel;
use rtnl::errno::Errno;
use rtnl::message::Refusal;

/// The world that the commands run in. There are two: the embedded kernel's and Linux's.
///
/// A host has a *current* namespace. `ip -n NAME` and `ip netns exec NAME` enter another one for the length of a
/// command.
pub trait Host {
    /// Opens a channel to the kernel in the current namespace.
    ///
    /// # Errors
    /// What the system says.
    fn channel(&mut self) -> Result<Box<dyn Channel>, Errno>;

    /// The names of the namespaces, in the order in which the system lists them (newest first).
    ///
    /// # Errors
    /// ENOENT if there was never a name.
    fn netns_names(&mut self) -> Result<Vec<String>, Errno>;

    /// Makes a namespace under a name.
    ///
    /// # Errors
    /// EEXIST if the name is taken.
    fn netns_add(&mut self, name: &str) -> Result<(), Errno>;

    /// Is told that so many namespaces will probably be made in the current one, each by [`Host::netns_add`]. Nothing
    /// may come of it that anybody could notice.
    fn netns_expect(&mut self, _count: usize) {}

    /// Gives a name to the namespace that a process is in.
    ///
    /// # Errors
    /// EEXIST if the name is taken, ESRCH or ENOENT if there is no such process.
    fn netns_attach(&mut self, name: &str, pid: u32) -> Result<(), Errno>;

    /// Removes a name; the namespace ends when nothing else holds it.
    ///
    /// # Errors
    /// ENOENT if there is no such name.
    fn netns_delete(&mut self, name: &str) -> Result<(), Errno>;

    /// Opens a namespace by its name (or by a path, if it has a slash in it): the number stands in `IFLA_NET_NS_FD`
    /// and `NETNSA_FD` of requests on channels of this host, until it is closed.
    ///
    /// # Errors
    /// ENOENT if there is no such name.
    fn netns_open(&mut self, name: &str) -> Result<u32, Errno>;

    /// Closes what [`Host::netns_open`] opened.
    fn netns_close(&mut self, fd: u32);

    /// Enters a namespace by its name and gives what brings back the one that was current.
    ///
    /// # Errors
    /// ENOENT if there is no such name.
    fn netns_enter(&mut self, name: &str) -> Result<Entered, Errno>;

    /// Goes back to the namespace that was current before the entry.
    fn netns_leave(&mut self, entered: Entered);

    /// The names of the namespace that a process is in (`None`: this process).
    ///
    /// # Errors
    /// ENOENT if there is no such process.
    fn netns_identify(&mut self, pid: Option<u32>) -> Result<Vec<String>, Errno>;

    /// The processes in a namespace.
    ///
    /// # Errors
    /// ENOENT if there is no such name.
    fn netns_pids(&mut self, name: &str) -> Result<Vec<u32>, Errno>;

    /// Is told that this command is one of several, so that a program which one of them runs must not be the end of
    /// this process.
    fn expect_more(&mut self) {}

    /// Runs a program with its arguments in the current namespace; gives its exit status, [`KILLED`] and the signal's
    /// number if a signal ended it, or ENOENT if there is no such program.
    ///
    /// # Errors
    /// What the system says when it starts the program.
    fn execute(&mut self, words: &[String]) -> Result<i32, Errno>;

    /// Binds the sockets of the programs that run from now on to the link of a routing domain, or without a link to
    /// none, until [`Host::vrf_leave`].
    ///
    /// # Errors
    /// What cannot be had. Nothing is bound then, and nothing is to be left.
    fn vrf_enter(&mut self, _name: &str, _link: Option<u32>) -> Result<(), NotBound> {
        Err(NotBound::Load(Errno::EOPNOTSUPP))
    }

    /// Goes back to what programs were bound to before the last [`Host::vrf_enter`].
    fn vrf_leave(&mut self) {}

    /// The name of the routing domain that a process (`None`: this one) is bound to; empty if it is bound to none.
    ///
    /// # Errors
    /// ENOENT if there is no such process.
    fn vrf_identify(&mut self, _pid: Option<u32>) -> Result<String, Errno> {
        Ok(String::new())
    }

    /// The processes that are bound to a routing domain, and the names of their programs; a process that ended
    /// meanwhile has none.
    ///
    /// # Errors
    /// Why that cannot be told.
    fn vrf_pids(&mut self, _name: &str) -> Result<Vec<(u32, Option<String>)>, NotBound> {
        Ok(Vec::new())
    }

    /// Reads a file that a command names (`ip -b FILE`; `-` is standard input).
    ///
    /// # Errors
    /// What the system says.
    fn read_file(&mut self, path: &str) -> Result<Vec<u8>, Errno>;

    /// Looks whether there is a file.
    ///
    /// # Errors
    /// What the system says if there is none.
    fn find_file(&mut self, path: &str) -> Result<(), Errno>;

    /// Waits for some bytes of standard input: none at its end. A world that has it whole gives nothing here.
    fn read_input(&mut self) -> Option<Result<Vec<u8>, Errno>> {
        None
    }

    /// The multicast addresses that links of the current namespace listen to, in the kernel's order: of `AF_PACKET`,
    /// `AF_INET` or `AF_INET6`.
    ///
    /// # Errors
    /// EOPNOTSUPP if this world does not tell.
    fn memberships(&mut self, _family: u8) -> Result<Vec<Membership>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Has a link listen to a link-layer multicast address (or no longer, if not `join`).
    ///
    /// # Errors
    /// What the system says; EOPNOTSUPP if this world cannot.
    fn set_membership(&mut self, _link: &str, _address: [u8; 6], _join: bool) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Is told of a command that was refused, behind the tool's own words, and may say on standard error what this
    /// world lacks.
    fn explain(&mut self, _words: &[String], _refusal: &Refusal) {}

    /// The time of day in microseconds since 1970, for `-t` and `-ts`.
    fn time_of_day(&mut self) -> u64;

    /// Waits until something may have come in on the channel of a monitor. Says whether the monitor should go on;
    /// in a world where nothing can come any more it should not.
    fn wait(&mut self) -> bool;

    /// Waits until names of namespaces come or go, and tells which. None where nothing can
    /// come any more. `known` is what the caller knew, and is brought up to date.
    ///
    /// # Errors
    /// What the system says.
    fn netns_changes(&mut self, known: &mut Vec<String>) -> Result<Option<Vec<NameChange>>, Errno> {
        if !self.wait() {
            return Ok(None);
        }
        let now = self.netns_names().unwrap_or_default();
        let gone = known.iter().filter(|name| !now.contains(name)).map(|name| (name, false));
        // The newest is listed first.
        let new = now.iter().rev().filter(|name| !known.contains(name)).map(|name| (name, true));
        let changes = gone.chain(new).map(|(name, added)| NameChange { name: name.clone(), added }).collect();
        *known = now;
        Ok(Some(changes))
    }

    /// Writes to standard output, at once.
    fn out(&mut self, text: &str);

    /// Writes bytes that are no text to standard output, at once.
    ///
    /// # Errors
    /// EOPNOTSUPP where only text can be written, what the system says.
    fn out_bytes(&mut self, _bytes: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Whether a terminal reads standard output.
    fn out_is_terminal(&mut self) -> bool {
        false
    }

    /// Writes to standard error, at once.
    fn err(&mut self, text: &str);
}

/// What [`Host::execute`] adds to the number of the signal that ended a program.
pub const KILLED: i32 = 256;

/// The status that shells show for what [`Host::execute`] gives.
pub fn shown(status: i32) -> i32 {
    if status > KILLED { 128 + (status - KILLED) } else { status }
}

/// Why programs cannot be bound to a routing domain: the step that failed, in the order in which they are taken, and
/// what the system said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotBound {
    /// The directory where control groups are to be mounted could not be made: it, or one above it.
    MountPoint(String, Errno),
    /// Control groups could not be mounted.
    Mount(Errno),
    /// This process's namespace could not be opened.
    OwnNamespace(Errno),
    /// The names of namespaces could not be listed.
    NamespaceNames(Errno),
    /// The control group of this process is not known.
    OwnGroup(Errno),
    /// The control group of the domain could not be made: it, or one above it.
    MakeGroup(String, Errno),
    /// The control group could not be opened.
    OpenGroup(Errno),
    /// The program of BPF could not be loaded.
    Load(Errno),
    /// It could not be put at the control group.
    Attach(Errno),
    /// The list of the group's processes could not be opened.
    Members(Errno),
    /// This process could not join the group.
    Join,
    /// The control groups could not be looked at.
    Look,
}

impl NotBound {
    /// What the system said, if it is known.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            NotBound::MountPoint(_, errno)
            | NotBound::MakeGroup(_, errno)
            | NotBound::Mount(errno)
            | NotBound::OwnNamespace(errno)
            | NotBound::NamespaceNames(errno)
            | NotBound::OwnGroup(errno)
            | NotBound::OpenGroup(errno)
            | NotBound::Load(errno)
            | NotBound::Attach(errno)
            | NotBound::Members(errno) => Some(*errno),
            NotBound::Join | NotBound::Look => None,
        }
    }
}

/// A namespace's name that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameChange {
    /// The name.
    pub name: String,
    /// Whether it came.
    pub added: bool,
}

/// A multicast address that a link listens to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Membership {
    /// The link's index.
    pub ifindex: u32,
    /// The link's name.
    pub link: String,
    /// The address.
    pub address: Vec<u8>,
    /// How many want it.
    pub users: u32,
    /// An administrator set it.
    pub fixed: bool,
}

/// What [`Host::netns_enter`] hands out: the namespace to go back to, as the host numbers it.
#[derive(Debug)]
#[must_use]
pub struct Entered(pub u64);
