//! What one run of `ip` works with: its options, its output, and its conversation with the kernel of one namespace.
//!
//! Standard output is gathered in the [`Sink`] and leaves when the tool flushes or ends, standard error leaves at
//! once: that is what a full buffer on a pipe does, and it decides the order in which the two are read when they
//! share one pipe. A refused request becomes a [`Stop`] that carries the tool's words; nothing here prints it.

use crate::host::{Host, KILLED, shown};
use crate::session::Session;
use rtnl::attr::Builder;
use rtnl::client::{Channel, Client, Links, RefusedDump};
use rtnl::errno::Errno;
pub use rtnl::family::{AF_BRIDGE, AF_INET, AF_INET6, AF_MPLS, AF_PACKET, AF_UNSPEC};
use rtnl::message::{Messages, Refusal};
use rtnl::object::addr::RTM_GETADDR;
use rtnl::object::brlink::RTM_GETSTATS;
use rtnl::object::brvlan::RTM_GETVLAN;
use rtnl::object::link::{IFLA_EXT_MASK, Ifinfo, RTEXT_FILTER_VF, RTM_GETLINK};
use rtnl::object::neigh::RTM_GETNEIGH;
use rtnl::object::netns::{NETNSA_FD, NETNSA_NSID, RTGENMSG, RTM_GETNSID};
use rtnl::object::route::RTM_GETROUTE;
use rtnl::object::tunnel::RTM_GETTUNNEL;
use rtnl::show::Scene;
use rtnl::sink::{Format, Sink};
use rtnl::table::Tb;
use rtnl::words::Stop;

/// The options in front of the object that do not concern the form of the output; those are in [`Format`].
#[derive(Clone, Debug)]
pub struct Options {
    /// `-f`, `-4`, `-6`, `-B`, `-M`, `-0`: the family that is meant.
    pub family: u8,
    /// `-a`: do it in all namespaces.
    pub all: bool,
    /// `-force`: go on in a batch after a command failed.
    pub force: bool,
    /// `-r`: names for addresses. Nothing here looks names up.
    pub resolve: bool,
    /// `-t` or `-ts`: times in front of what a monitor prints.
    pub timestamp: bool,
    /// `-ts`: those times in one short line.
    pub timestamp_short: bool,
    /// `-echo`: show what the kernel made of a request.
    pub echo: bool,
    /// `-l`: how often a flush tries.
    pub flush_loops: u32,
    /// `-b`: the file of a batch.
    pub batch: Option<String>,
    /// `-n`: the namespace to enter first.
    pub netns: Option<String>,
    /// `-rc`: the bytes that may wait in a channel; none leaves that to the host.
    pub rcvbuf: Option<u32>,
    /// `bridge -compressvlans`: ranges of VLANs are asked for as ranges.
    pub compress_vlans: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            family: AF_UNSPEC,
            all: false,
            force: false,
            resolve: false,
            timestamp: false,
            timestamp_short: false,
            echo: false,
            flush_loops: 10,
            batch: None,
            netns: None,
            rcvbuf: None,
            compress_vlans: false,
        }
    }
}

/// What a command works with.
pub struct Context<'h> {
    /// The world.
    pub host: &'h mut dyn Host,
    /// Standard output, gathered until [`Context::flush`].
    pub sink: Sink,
    /// The options that are not about form.
    pub options: Options,
    /// The conversation with the kernel in the current namespace, and the names of its links.
    pub session: Session,
    /// The last refusal in the command that runs, for the host to explain.
    pub refusal: Option<Refusal>,
    /// Whether `ip link` has sent its empty request.
    pub(crate) probed: bool,
    /// Whether all links' names were read.
    learnt: bool,
    /// Names of namespaces by their identifiers here; read once, when first asked.
    nsid_names: Option<Vec<(i32, String)>>,
}

impl<'h> Context<'h> {
    /// Opens a conversation in the host's current namespace.
    ///
    /// # Errors
    /// The tool's words and status 1 if there is no kernel to talk to.
    pub fn new(host: &'h mut dyn Host, options: Options, format: Format) -> Result<Self, Stop> {
        let channel = channel(host, &options)
            .map_err(|errno| Stop::exit_with(1, format!("Cannot open netlink socket: {errno}\n")))?;
        let session = Session::new(channel);
        let (sink, refusal, nsid_names) = (Sink::new(format), None, None);
        Ok(Context { host, sink, options, session, refusal, probed: false, learnt: false, nsid_names })
    }

    /// Opens another channel in the host's current namespace, as the options have it.
    ///
    /// # Errors
    /// What the system says.
    pub fn channel(&mut self) -> Result<Box<dyn Channel>, Errno> {
        channel(self.host, &self.options)
    }

    /// Names and indexes of the current namespace's links.
    pub fn links(&mut self) -> &mut dyn Links {
        &mut self.session
    }

    /// Sink and links together, as the tables' printers want them.
    pub fn scene(&mut self) -> Scene<'_> {
        Scene { sink: &mut self.sink, links: &mut self.session }
    }

    /// Holds a conversation of any form; refusals come back as they are.
    ///
    /// # Errors
    /// The kernel's refusal; [`refused`] makes the tool's words of it.
    pub fn client<T>(
        &mut self,
        conversation: impl FnOnce(&mut Client<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let answer = self.session.client(conversation);
        for warning in self.session.take_warnings() {
            self.host.err(&said("Warning", &warning));
        }
        answer.inspect_err(|refusal| self.refusal = Some(refusal.clone()))
    }

    /// Sends a request whose payload is `body` and waits for its acknowledgement.
    ///
    /// # Errors
    /// The kernel's refusal in the tool's words, status 2.
    pub fn talk(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Stop> {
        self.client(|client| client.talk(kind, flags, body)).map_err(|refusal| refused(&refusal))
    }

    /// Sends a request and gives the one message that answers it, header included.
    ///
    /// # Errors
    /// The kernel's refusal in the tool's words, status 2.
    pub fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<u8>, Stop> {
        self.client(|client| client.ask(kind, flags, body)).map_err(|refusal| refused(&refusal))
    }

    /// Asks for a dump and gives its datagrams, each with one or more messages. One that changed under the kernel's
    /// hands however often it was asked for is remarked on, as the tool does.
    ///
    /// # Errors
    /// The kernel's refusal in the tool's words for dumps, status 1.
    pub fn dump(&mut self, kind: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, Stop> {
        self.dump_partly(kind, body).map_err(|refused| dump_refused(&refused.refusal))
    }

    /// The same, with what a refused dump brought before.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn dump_partly(&mut self, kind: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, RefusedDump> {
        let dump = self.session.client(|client| client.dump_in(kind, body, dump_datagram(kind)));
        let dump = dump.inspect_err(|refused| self.refusal = Some(refused.refusal.clone()))?;
        if dump.interrupted {
            self.host.err("Dump was interrupted and may be inconsistent.\n");
        }
        Ok(dump.parts)
    }

    /// Reads all links' names at once, as the tool does for commands that may name any of them. It is done once.
    ///
    /// # Errors
    /// The kernel's refusal in the tool's words for dumps, which ends the process.
    pub fn learn_links(&mut self) -> Result<(), Stop> {
        if self.learnt {
            return Ok(());
        }
        let mut body = Builder::new();
        Ifinfo::default().encode(&mut body);
        body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
        let links = self.dump(RTM_GETLINK, &body.bytes).map_err(|stop| Stop { process: true, ..stop })?;
        for message in links.iter().flat_map(|part| Messages(part)) {
            self.session.learn(&message);
        }
        self.learnt = true;
        Ok(())
    }

    /// The index of a link by its name, one of its alternative names, or `if7`.
    ///
    /// # Errors
    /// `Cannot find device "x"`, status 1, ending the command.
    pub fn device(&mut self, name: &str) -> Result<u32, Stop> {
        self.session.index(name).ok_or_else(|| no_device(name))
    }

    /// The name of the namespace that has this identifier here, if one of the named ones has.
    pub fn nsid_name(&mut self, nsid: i32) -> Option<String> {
        // A kernel gives identifiers while it tells of links; all names are looked for behind them, once.
        if self.nsid_names.is_none() && self.session.misses() {
            return None;
        }
        self.learn_nsid_names();
        let names = self.nsid_names.as_ref()?;
        names.iter().find(|(id, _)| *id == nsid).map(|(_, name)| name.clone())
    }

    /// Reads the names of the identifiers, unless that was done before.
    pub fn learn_nsid_names(&mut self) {
        if self.nsid_names.is_none() {
            let names = self.host.netns_names().unwrap_or_default();
            let pairs = names.into_iter().filter_map(|name| Some((self.nsid_of(&name)?, name))).collect();
            self.nsid_names = Some(pairs);
        }
    }

    /// Looks for the name of an identifier that is new.
    pub fn learn_nsid_name(&mut self, nsid: i32) {
        self.forget_nsid_name(nsid);
        let names = self.host.netns_names().unwrap_or_default();
        let name = names.into_iter().find(|name| self.nsid_of(name) == Some(nsid));
        if let (Some(name), Some(names)) = (name, &mut self.nsid_names) {
            names.push((nsid, name));
        }
    }

    /// Forgets the name of an identifier that is gone.
    pub fn forget_nsid_name(&mut self, nsid: i32) {
        if let Some(names) = &mut self.nsid_names {
            names.retain(|(id, _)| *id != nsid);
        }
    }

    /// The identifier that a named namespace has here; none if it has none.
    pub fn nsid_of(&mut self, name: &str) -> Option<i32> {
        let fd = self.host.netns_open(name).ok()?;
        let mut body = Builder::new();
        body.bytes.extend_from_slice(&[0; RTGENMSG]);
        body.pad();
        body.u32(NETNSA_FD, fd);
        let answer = self.session.client(|client| client.ask(RTM_GETNSID, 0, &body.bytes));
        self.host.netns_close(fd);
        let answer = answer.map_err(|refusal| self.host.err(&refusal_text(&refusal))).ok()?;
        let message = Messages(&answer).next()?;
        let nsid = Tb::read(message.attrs(RTGENMSG)).i32(NETNSA_NSID)?;
        (nsid >= 0).then_some(nsid)
    }

    /// Has the host explain why a command of these words was refused, if it was.
    pub fn explain(&mut self, stop: &Stop, words: &[String]) {
        if let Some(refusal) = self.refusal.take().filter(|_| stop.status != 0) {
            self.host.explain(words, &refusal);
        }
    }

    /// Prints what a command ended with: its complaint at once, what goes to standard output with the rest of that.
    pub fn print_stop(&mut self, stop: &Stop) {
        if !stop.error.is_empty() {
            self.host.err(&stop.error);
        }
        self.sink.out.push_str(&stop.output);
    }

    /// Runs a program, whose status is that of the command. `beside` says that the tool does not become the program but
    /// waits for it; where a signal ended that, the tool ends too, and says nothing.
    ///
    /// # Errors
    /// The program's status, or that there is no such program.
    pub(crate) fn execute(&mut self, command: &[String], beside: bool) -> Result<(), Stop> {
        match self.host.execute(command) {
            Ok(0) => Ok(()),
            Ok(status) if status > KILLED && beside => Err(Stop::exit_with(1, "")),
            Ok(status) => Err(Stop::fail(shown(status), "")),
            Err(errno) => {
                let program = command.first().map_or("", String::as_str);
                Err(Stop::fail(1, format!("exec of \"{program}\" failed: {errno}\n")))
            }
        }
    }

    /// Writes out what was gathered.
    pub fn flush(&mut self) {
        let text = self.sink.take();
        if !text.is_empty() {
            self.host.out(&text);
        }
    }
}

fn channel(host: &mut dyn Host, options: &Options) -> Result<Box<dyn Channel>, Errno> {
    let mut channel = host.channel()?;
    if let Some(size) = options.rcvbuf {
        channel.set_room(size)?;
    }
    Ok(channel)
}

/// The bytes of the datagram in which the tool asks for a dump: for some it sends its whole buffer.
fn dump_datagram(kind: u16) -> usize {
    match kind {
        RTM_GETADDR => 152,
        RTM_GETROUTE | RTM_GETSTATS => 156,
        RTM_GETVLAN | RTM_GETTUNNEL => 280,
        RTM_GETNEIGH => 284,
        _ => 0,
    }
}

/// A link that is not there, as commands that act on one say it.
pub fn no_device(name: &str) -> Stop {
    Stop::fail(1, format!("Cannot find device \"{name}\"\n"))
}

/// A refusal in the tool's words; status 2.
pub fn refused(refusal: &Refusal) -> Stop {
    Stop::fail(2, refusal_text(refusal))
}

/// What the tool prints of a refusal: the kernel's sentence if it gave one, else its number's text.
pub fn refusal_text(refusal: &Refusal) -> String {
    match refusal.sentence.as_deref() {
        Some(sentence) if !sentence.is_empty() => said("Error", sentence),
        _ if refusal.unheard => unheard_text(refusal.errno),
        _ => format!("RTNETLINK answers: {}\n", refusal.errno),
    }
}

/// What the tool prints where it cannot receive what the kernel says.
pub(crate) fn unheard_text(errno: Errno) -> String {
    format!("netlink receive error {errno} ({})\n", errno.0)
}

/// A refused dump: the two numbers that mean "there is nothing of the kind" are passed over in silence, and all say
/// that the dump ended.
pub(crate) fn dump_refused(refusal: &Refusal) -> Stop {
    let reason = match (refusal.errno, refusal.sentence.as_deref()) {
        (_, Some(sentence)) if !sentence.is_empty() => said("Error", sentence),
        (errno, _) if refusal.unheard => unheard_text(errno),
        (Errno::ENOENT | Errno::EOPNOTSUPP, _) => String::new(),
        (Errno::EMSGSIZE, _) => "Error: Buffer too small for object.\n".into(),
        (errno, _) => format!("RTNETLINK answers: {errno}\n"),
    };
    Stop::fail(1, reason + "Dump terminated\n")
}

/// The kernel's sentence with the dot that the tool puts behind one that has none.
fn said(what: &str, sentence: &str) -> String {
    let dot = if sentence.ends_with('.') { "" } else { "." };
    format!("{what}: {sentence}{dot}\n")
}
