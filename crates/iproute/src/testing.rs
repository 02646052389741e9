//! A world for tests: a kernel that knows a few links, says yes to every request and remembers it.

use crate::context::{AF_INET, AF_INET6, Context, Options};
use crate::host::{Entered, Host};
use rtnl::attr::Builder;
use rtnl::client::Channel;
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, Messages, NLM_F_DUMP, Refusal, acknowledge, done};
use rtnl::object::link::{
    IFLA_ADDRESS, IFLA_ALT_IFNAME, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINK, IFLA_LINKINFO, IFLA_PROP_LIST,
    IFLA_TXQLEN, Ifinfo, RTM_GETLINK, RTM_NEWLINK,
};
use rtnl::object::netns::{NETNSA_NSID, RTGENMSG, RTM_GETNSID, RTM_NEWNSID};
use rtnl::sink::Format;
use rtnl::words::Stop;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// The links by index, name and kind; all have an address of six bytes.
const LINKS: &[(u32, &str, &str)] = &[
    (1, "lo", ""),
    (10, "d0", "dummy"),
    (11, "d1", "dummy"),
    (12, "dnull", "dummy"),
    (20, "br0", "bridge"),
    (21, "vrf0", "vrf"),
    (22, "v0", "vlan"),
];
/// An alternative name of index 10.
const ALTNAME: &str = "this-is-an-alternative-name";

/// Splits a line into words at blanks; `''` is an empty word.
pub(crate) fn split(line: &str) -> Vec<String> {
    line.split(' ')
        .filter(|w| !w.is_empty())
        .map(|w| if w == "''" { String::new() } else { w.into() })
        .collect()
}

/// The records of a file of complaints: the command line, what the tool printed, and its status.
pub(crate) fn records(text: &str) -> impl Iterator<Item = (&str, &str, i32)> {
    text.split("\n# ").skip(1).map(|record| {
        let (line, rest) = record.split_once('\n').unwrap_or((record, ""));
        let (printed, status) = rest.trim_end().rsplit_once('[').unwrap_or((rest, "0]"));
        (line, printed, status.trim_end_matches(']').parse().unwrap())
    })
}

/// Runs a line that begins with `ip OBJECT`, a few options between, and gives what was printed and the status.
pub(crate) fn run(
    host: &mut TestHost,
    line: &str,
    object: fn(&mut Context<'_>, &[String]) -> Result<(), Stop>,
) -> (String, i32) {
    let mut words = split(line);
    let (mut options, mut format) = (Options::default(), Format::default());
    assert_eq!(words.remove(0), "ip");
    while words[0].starts_with('-') {
        match words.remove(0).as_str() {
            "-4" => options.family = AF_INET,
            "-6" => options.family = AF_INET6,
            "-all" => options.all = true,
            "-j" => format.json = true,
            other => panic!("no option {other} here"),
        }
    }
    let mut ctx = Context::new(host, options, format).unwrap();
    let outcome = object(&mut ctx, &words[1..]);
    ctx.flush();
    let (after, status) = match outcome {
        Ok(()) => (String::new(), 0),
        Err(stop) => (stop.output + &stop.error, stop.status),
    };
    (std::mem::take(&mut host.written) + &after, status)
}

/// A link in a dump: its index, its name, and the index of what it stands on.
pub(crate) type DumpedLink = (i32, &'static str, Option<u32>);

/// What a dump of links brings: the links of each datagram, and the flags of all messages.
pub(crate) struct LinkDump {
    pub(crate) parts: Vec<Vec<DumpedLink>>,
    pub(crate) flags: u16,
}

impl LinkDump {
    /// The datagrams that answer a request, the last with the dump's end.
    fn datagrams(&self, request: Header) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        for links in &self.parts {
            let mut out = Builder::new();
            for (ifindex, name, lower) in links {
                let header = Header { kind: RTM_NEWLINK, flags: self.flags, seq: request.seq, pid: 0 };
                let start = out.start(header);
                Ifinfo { ifindex: *ifindex, ..Ifinfo::default() }.encode(&mut out);
                out.string(IFLA_IFNAME, name.as_bytes());
                out.u32(IFLA_TXQLEN, 1000);
                if let Some(lower) = lower {
                    out.u32(IFLA_LINK, *lower);
                }
                out.finish(start);
            }
            datagrams.push(out.bytes);
        }
        let mut out = Builder::onto(datagrams.pop().unwrap_or_default());
        done(&mut out, request, 0);
        datagrams.push(out.bytes);
        datagrams
    }
}

/// What the kernel was asked.
#[derive(Default)]
struct Kernel {
    requests: Vec<Vec<u8>>,
    /// The identifier of every namespace; -1 where they have none.
    nsid: i32,
    /// What the next dumps of links bring; after them, none but their end.
    dumps: VecDeque<LinkDump>,
    /// What is lost next: whether of events, and what receiving says.
    lost: Option<(bool, Errno)>,
}

impl Kernel {
    /// The datagrams that answer a request.
    fn answer(&mut self, message: &Message<'_>) -> Vec<Vec<u8>> {
        if message.header.kind == RTM_GETLINK && message.has(NLM_F_DUMP) {
            let nothing = LinkDump { parts: Vec::new(), flags: 0 };
            return self.dumps.pop_front().unwrap_or(nothing).datagrams(message.header);
        }
        let mut out = Builder::new();
        match message.header.kind {
            RTM_GETLINK => get_link(message, &mut out),
            RTM_GETNSID => {
                let start =
                    out.start(Header { kind: RTM_NEWNSID, seq: message.header.seq, ..Header::default() });
                out.bytes.extend_from_slice(&[0; RTGENMSG]);
                out.pad();
                out.i32(NETNSA_NSID, self.nsid);
                out.finish(start);
            }
            _ if message.has(NLM_F_DUMP) => {}
            _ => acknowledge(&mut out, message, 0, None),
        }
        if message.has(NLM_F_DUMP) {
            done(&mut out, message.header, 0);
        }
        vec![out.bytes]
    }
}

fn get_link(message: &Message<'_>, out: &mut Builder) {
    let asked = Ifinfo::decode(message).unwrap_or_default().ifindex as u32;
    let attrs = message.attrs(Ifinfo::SIZE);
    let name = attrs.find(IFLA_IFNAME).or_else(|| attrs.find(IFLA_ALT_IFNAME));
    let name = name.map(|attr| attr.text().into_owned());
    let found = LINKS.iter().find(|(index, link, _)| match &name {
        Some(name) => name == link || (name == ALTNAME && *index == 10),
        None => asked == *index,
    });
    let Some((ifindex, link, kind)) = found else {
        return acknowledge(out, message, 0, Some(&Refusal::new(Errno::ENODEV)));
    };
    let start = out.start(Header { kind: RTM_NEWLINK, seq: message.header.seq, ..Header::default() });
    Ifinfo { ifindex: *ifindex as i32, ..Ifinfo::default() }.encode(out);
    out.string(IFLA_IFNAME, link.as_bytes());
    out.put(IFLA_ADDRESS, &[0; 6]);
    let info = out.nest(IFLA_LINKINFO);
    out.string(IFLA_INFO_KIND, kind.as_bytes());
    out.end(info);
    if *ifindex == 10 {
        let list = out.nest(IFLA_PROP_LIST);
        out.string(IFLA_ALT_IFNAME, ALTNAME.as_bytes());
        out.end(list);
    }
    out.finish(start);
}

/// A channel to the kernel, and what lies in it.
struct TestChannel {
    kernel: Rc<RefCell<Kernel>>,
    /// Whether it has joined a group.
    hears: bool,
    replies: VecDeque<Vec<u8>>,
}

impl Channel for TestChannel {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let mut kernel = self.kernel.borrow_mut();
        for message in Messages(datagram) {
            kernel.requests.push(message.bytes.to_vec());
            self.replies.extend(kernel.answer(&message));
        }
        Ok(())
    }

    fn receive(&mut self, datagram: &mut Vec<u8>) -> Result<(), Errno> {
        let lost = self.kernel.borrow_mut().lost.take_if(|(events, _)| *events == self.hears);
        if let Some((_, errno)) = lost {
            return Err(errno);
        }
        *datagram = self.replies.pop_front().ok_or(Errno::EAGAIN)?;
        Ok(())
    }

    fn join(&mut self, _: u32) -> Result<(), Errno> {
        self.hears = true;
        Ok(())
    }
}

/// The world.
#[derive(Default)]
pub(crate) struct TestHost {
    kernel: Rc<RefCell<Kernel>>,
    /// The namespaces' names, the newest first.
    pub(crate) names: Vec<String>,
    /// What was written to standard output and error, in the order in which it was.
    pub(crate) written: String,
    /// How many namespaces are open.
    pub(crate) open: u32,
}

impl TestHost {
    /// A world with two namespaces that have no identifiers for one another.
    pub(crate) fn with_two_names() -> TestHost {
        let host = TestHost { names: vec!["b".into(), "a".into()], ..TestHost::default() };
        host.kernel.borrow_mut().nsid = -1;
        host
    }

    /// A world whose dumps of links bring this.
    pub(crate) fn with_dumps(dumps: impl IntoIterator<Item = LinkDump>) -> TestHost {
        let host = TestHost::default();
        host.kernel.borrow_mut().dumps = dumps.into_iter().collect();
        host
    }

    /// A world that loses one datagram: of events, or else an answer.
    pub(crate) fn losing(events: bool, errno: Errno) -> TestHost {
        let host = TestHost::default();
        host.kernel.borrow_mut().lost = Some((events, errno));
        host
    }

    /// How often links were asked for, one or all.
    pub(crate) fn questions(&self) -> usize {
        let kernel = self.kernel.borrow();
        let messages = kernel.requests.iter().flat_map(|bytes| Messages(bytes));
        messages.filter(|message| message.header.kind == RTM_GETLINK).count()
    }

    /// The requests that were not questions: type, flags and payload.
    pub(crate) fn requests(&self) -> Vec<String> {
        let kernel = self.kernel.borrow();
        let messages = kernel.requests.iter().flat_map(|bytes| Messages(bytes));
        let messages = messages.filter(|message| !matches!(message.header.kind, RTM_GETLINK | RTM_GETNSID));
        messages
            .map(|message| {
                let payload: String = message.payload().iter().map(|byte| format!("{byte:02x}")).collect();
                format!("  {} 0x{:x} {payload}", message.header.kind, message.header.flags)
            })
            .collect()
    }

    fn known(&self, name: &str) -> Result<(), Errno> {
        let known = matches!(name, "a" | "b") || self.names.iter().any(|other| other == name);
        if known { Ok(()) } else { Err(Errno::ENOENT) }
    }
}

impl Host for TestHost {
    fn channel(&mut self) -> Result<Box<dyn Channel>, Errno> {
        Ok(Box::new(TestChannel { kernel: self.kernel.clone(), hears: false, replies: VecDeque::new() }))
    }

    fn netns_names(&mut self) -> Result<Vec<String>, Errno> {
        Ok(self.names.clone())
    }

    fn netns_add(&mut self, name: &str) -> Result<(), Errno> {
        if self.names.iter().any(|other| other == name) {
            return Err(Errno::EEXIST);
        }
        if name.contains('/') {
            return Err(Errno::ENOENT);
        }
        self.names.insert(0, name.into());
        Ok(())
    }

    fn netns_attach(&mut self, name: &str, pid: u32) -> Result<(), Errno> {
        if pid == 1 { self.netns_add(name) } else { Err(Errno::ENOENT) }
    }

    fn netns_delete(&mut self, name: &str) -> Result<(), Errno> {
        let before = self.names.len();
        self.names.retain(|other| other != name);
        if self.names.len() < before { Ok(()) } else { Err(Errno::ENOENT) }
    }

    fn netns_open(&mut self, name: &str) -> Result<u32, Errno> {
        self.known(name)?;
        self.open += 1;
        Ok(3 + self.open)
    }

    fn netns_close(&mut self, _: u32) {
        self.open -= 1;
    }

    fn netns_enter(&mut self, name: &str) -> Result<Entered, Errno> {
        self.known(name).map(|()| Entered(0))
    }

    fn netns_leave(&mut self, _: Entered) {}

    fn netns_identify(&mut self, pid: Option<u32>) -> Result<Vec<String>, Errno> {
        if pid.unwrap_or(1) == 1 { Ok(Vec::new()) } else { Err(Errno::ENOENT) }
    }

    fn netns_pids(&mut self, name: &str) -> Result<Vec<u32>, Errno> {
        self.known(name).map(|()| vec![7, 8])
    }

    fn execute(&mut self, words: &[String]) -> Result<i32, Errno> {
        match words[0].as_str() {
            "true" => Ok(0),
            "false" => Ok(1),
            _ => Err(Errno::ENOENT),
        }
    }

    fn read_file(&mut self, _: &str) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOENT)
    }

    fn find_file(&mut self, _: &str) -> Result<(), Errno> {
        Err(Errno::ENOENT)
    }

    fn time_of_day(&mut self) -> u64 {
        0
    }

    fn wait(&mut self) -> bool {
        false
    }

    fn out(&mut self, text: &str) {
        self.written.push_str(text);
    }

    fn err(&mut self, text: &str) {
        self.written.push_str(text);
    }
}
