//! The generic netlink of teams as a program speaks it: options and ports of one team.

use crate::console::Console;
use crate::machine::Machine;
use kernel::NetnsId;
use rtnl::attr::Builder;
use rtnl::errno::Errno;
use rtnl::message::{Header, Messages, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, Refusal};
use rtnl::table::Tb;
use rtnl::team::*;
use std::fmt;

/// A team, and how to speak of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Team {
    netns: NetnsId,
    family: u16,
    pub(super) ifindex: u32,
}

/// An option as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    /// Index and name of the port whose it is.
    pub(super) port: Option<(u32, String)>,
    /// The place in an array.
    pub(super) index: Option<u32>,
    /// `NLA_*`.
    pub(super) kind: u8,
    pub(super) data: Vec<u8>,
}

impl Setting {
    fn number(&self) -> u32 {
        self.data.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    /// The value as people read it.
    pub(super) fn value_text(&self) -> String {
        match self.kind {
            NLA_STRING => String::from_utf8_lossy(self.data.strip_suffix(&[0]).unwrap_or(&self.data)).into(),
            NLA_U32 => self.number().to_string(),
            NLA_S32 => (self.number() as i32).to_string(),
            NLA_FLAG => (!self.data.is_empty()).to_string(),
            NLA_BINARY => self.data.iter().map(|byte| format!("\\{byte:02x}")).collect(),
            _ => "?".into(),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} ", self.name)?;
        if let Some((_, port)) = &self.port {
            write!(f, "(port:{port}) ")?;
        }
        if let Some(index) = self.index {
            write!(f, "(arridx:{index}) ")?;
        }
        f.write_str(&self.value_text())
    }
}

/// A port as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) ifindex: u32,
    pub(super) name: String,
    pub(super) linked: bool,
    pub(super) speed: u32,
    full_duplex: bool,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (link, duplex) =
            (if self.linked { "up" } else { "down" }, if self.full_duplex { "FD" } else { "HD" });
        write!(f, " {}: {}: {link} {}Mbit {duplex}", self.ifindex, self.name, self.speed)
    }
}

/// Sends one request and gives what came back, up to the acknowledgement.
fn talk<C: Console>(
    machine: &mut Machine<C>,
    netns: NetnsId,
    family: u16,
    command: u8,
    put: impl FnOnce(&mut Builder),
) -> Result<Vec<Vec<u8>>, Errno> {
    let (mut kernel, now) = machine.kernel();
    let client = kernel.open_generic(netns)?;
    let mut out = Builder::new();
    let start = out.start(Header { kind: family, flags: NLM_F_REQUEST | NLM_F_ACK, seq: 1, pid: 0 });
    out.bytes.extend([command, TEAM_GENL_VERSION, 0, 0]);
    put(&mut out);
    out.finish(start);
    let sent = kernel.handle(now, client, &out.bytes);
    let (mut answers, mut datagram, mut refusal) = (Vec::new(), Vec::new(), None);
    while sent.is_ok() && kernel.receive(client, &mut datagram) {
        for message in Messages(&datagram) {
            match message.header.kind {
                NLMSG_ERROR => refusal = refusal.or(Refusal::decode(&message)),
                kind if kind == family => answers.push(message.bytes.to_vec()),
                _ => {}
            }
        }
    }
    kernel.close(client);
    sent?;
    refusal.map_or(Ok(answers), |refusal| Err(refusal.errno))
}

/// The items of the list of an answer.
fn items(answers: &[Vec<u8>], list: u16) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for message in answers.iter().flat_map(|answer| Messages(answer)) {
        let tb = Tb::read(message.attrs(GENL_HEADER));
        let Some(list) = tb.get(list) else { continue };
        found.extend(list.attrs().map(|item| item.payload.to_vec()));
    }
    found
}

fn tb(item: &[u8]) -> Tb<'_> {
    Tb::read(rtnl::attr::Attrs::new(item, 0))
}

/// A number as `strtoul` reads it with base ten: blanks and a sign may stand in front, and nothing is 0.
fn unsigned(text: &str) -> Result<u64, Errno> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Errno::EINVAL);
    }
    if digits.is_empty() {
        return if digits.len() == text.len() { Ok(0) } else { Err(Errno::EINVAL) };
    }
    let number: u64 = digits.parse().map_err(|_| Errno::ERANGE)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// A number of 32 bits without a sign as people write it.
///
/// # Errors
/// EINVAL if it is none, ERANGE if it is too large.
pub(super) fn number(text: &str) -> Result<u32, Errno> {
    u32::try_from(unsigned(text)?).map_err(|_| Errno::ERANGE)
}

/// Bytes as they are told: each a backslash and two digits.
fn bytes(text: &str) -> Result<Vec<u8>, Errno> {
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Errno::EINVAL);
    if text.len() % 3 != 0 {
        return Err(Errno::EINVAL);
    }
    let byte = |three: &[u8]| match *three {
        [b'\\', high, low] => Ok((digit(high)? << 4 | digit(low)?) as u8),
        _ => Err(Errno::EINVAL),
    };
    text.as_bytes().chunks_exact(3).map(byte).collect()
}

impl Team {
    /// Finds the family, for the team with that index.
    ///
    /// # Errors
    /// What the controller refuses with.
    pub(super) fn open<C: Console>(
        machine: &mut Machine<C>,
        netns: NetnsId,
        ifindex: u32,
    ) -> Result<Team, Errno> {
        let put = |out: &mut Builder| out.string(CTRL_ATTR_FAMILY_NAME, TEAM_GENL_NAME);
        let answers = talk(machine, netns, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, put)?;
        let family = answers.iter().flat_map(|answer| Messages(answer)).find_map(|message| {
            Tb::read(message.attrs(GENL_HEADER)).get(CTRL_ATTR_FAMILY_ID).map(|attr| attr.u16())
        });
        Ok(Team { netns, family: family.ok_or(Errno::ENOENT)?, ifindex })
    }

    /// The same for a name.
    ///
    /// # Errors
    /// ENODEV if there is no such device.
    pub(super) fn named<C: Console>(
        machine: &mut Machine<C>,
        netns: NetnsId,
        device: &str,
    ) -> Result<Team, Errno> {
        let ifindex = machine.kernel().0.ifindex(netns, device).ok_or(Errno::ENODEV)?;
        Team::open(machine, netns, ifindex)
    }

    fn ask<C: Console>(&self, machine: &mut Machine<C>, command: u8) -> Result<Vec<Vec<u8>>, Errno> {
        let put = |out: &mut Builder| out.u32(TEAM_ATTR_TEAM_IFINDEX, self.ifindex);
        talk(machine, self.netns, self.family, command, put)
    }

    fn name<C: Console>(&self, machine: &mut Machine<C>, ifindex: u32) -> String {
        machine.kernel().0.link_name(self.netns, ifindex).unwrap_or_else(|| ifindex.to_string())
    }

    /// All options, in the order in which the kernel tells them.
    pub(super) fn options<C: Console>(&self, machine: &mut Machine<C>) -> Result<Vec<Setting>, Errno> {
        let answers = self.ask(machine, TEAM_CMD_OPTIONS_GET)?;
        let mut all = Vec::new();
        for item in items(&answers, TEAM_ATTR_LIST_OPTION) {
            let tb = tb(&item);
            let name = tb.string(TEAM_ATTR_OPTION_NAME).unwrap_or_default();
            let port = tb.u32(TEAM_ATTR_OPTION_PORT_IFINDEX);
            let port = port.map(|port| (port, self.name(machine, port)));
            let index = tb.u32(TEAM_ATTR_OPTION_ARRAY_INDEX);
            let kind = tb.u8(TEAM_ATTR_OPTION_TYPE).unwrap_or(0);
            let data = tb.get(TEAM_ATTR_OPTION_DATA);
            let data = match (kind, data) {
                // A flag is there or not, and has no value.
                (NLA_FLAG, data) => data.map_or(Vec::new(), |_| vec![1]),
                (_, data) => data.map_or(Vec::new(), |data| data.payload.to_vec()),
            };
            all.push(Setting { name: String::from_utf8_lossy(name).into(), port, index, kind, data });
        }
        Ok(all)
    }

    /// One option: of the port and at the place, if one is given, else of the team.
    ///
    /// # Errors
    /// ENOENT if there is no such option.
    pub(super) fn option<C: Console>(
        &self,
        machine: &mut Machine<C>,
        name: &str,
        port: Option<u32>,
        index: Option<u32>,
    ) -> Result<Setting, Errno> {
        let fits = |one: &Setting| {
            one.name == name && one.port.as_ref().map(|(port, _)| *port) == port && one.index == index
        };
        self.options(machine)?.into_iter().find(fits).ok_or(Errno::ENOENT)
    }

    /// All ports, in the order in which the kernel tells them.
    pub(super) fn ports<C: Console>(&self, machine: &mut Machine<C>) -> Result<Vec<Port>, Errno> {
        let answers = self.ask(machine, TEAM_CMD_PORT_LIST_GET)?;
        let mut all = Vec::new();
        for item in items(&answers, TEAM_ATTR_LIST_PORT) {
            let tb = tb(&item);
            let ifindex = tb.u32(TEAM_ATTR_PORT_IFINDEX).unwrap_or(0);
            all.push(Port {
                ifindex,
                name: self.name(machine, ifindex),
                linked: tb.has(TEAM_ATTR_PORT_LINKUP),
                speed: tb.u32(TEAM_ATTR_PORT_SPEED).unwrap_or(0),
                full_duplex: tb.u8(TEAM_ATTR_PORT_DUPLEX) == Some(1),
            });
        }
        Ok(all)
    }

    /// Sets an option of the team or of a port to a value as people write it.
    ///
    /// # Errors
    /// ENOENT if there is no such option, EINVAL and ERANGE if the value is none, what the kernel refuses with.
    pub(super) fn set_text<C: Console>(
        &self,
        machine: &mut Machine<C>,
        name: &str,
        port: Option<u32>,
        value: &str,
    ) -> Result<(), Errno> {
        let found = self.option(machine, name, port, None)?;
        self.change(machine, found, value)
    }

    /// Sets an option that was found to a value as people write it.
    ///
    /// # Errors
    /// EINVAL and ERANGE if the value is none, what the kernel refuses with.
    pub(super) fn change<C: Console>(
        &self,
        machine: &mut Machine<C>,
        found: Setting,
        value: &str,
    ) -> Result<(), Errno> {
        let data = match (found.kind, value) {
            (NLA_U32, value) => number(value)?.to_ne_bytes().to_vec(),
            (NLA_S32, value) => {
                let number = unsigned(value)? as i64;
                i32::try_from(number).map_err(|_| Errno::ERANGE)?.to_ne_bytes().to_vec()
            }
            (NLA_FLAG, "true") => vec![1],
            (NLA_FLAG, "false") => Vec::new(),
            (NLA_STRING, value) => [value.as_bytes(), &[0]].concat(),
            (NLA_BINARY, value) => bytes(value)?,
            _ => return Err(Errno::EINVAL),
        };
        self.set(machine, &Setting { data, ..found })
    }

    /// Sets an option.
    ///
    /// # Errors
    /// What the kernel refuses with.
    pub(super) fn set<C: Console>(&self, machine: &mut Machine<C>, setting: &Setting) -> Result<(), Errno> {
        let put = |out: &mut Builder| {
            out.u32(TEAM_ATTR_TEAM_IFINDEX, self.ifindex);
            let list = out.nest(TEAM_ATTR_LIST_OPTION);
            let item = out.nest(TEAM_ATTR_ITEM);
            out.string(TEAM_ATTR_OPTION_NAME, setting.name.as_bytes());
            out.u8(TEAM_ATTR_OPTION_TYPE, setting.kind);
            match setting.kind {
                NLA_FLAG if setting.data.is_empty() => {}
                NLA_FLAG => out.put(TEAM_ATTR_OPTION_DATA, &[]),
                _ => out.put(TEAM_ATTR_OPTION_DATA, &setting.data),
            }
            if let Some((port, _)) = &setting.port {
                out.u32(TEAM_ATTR_OPTION_PORT_IFINDEX, *port);
            }
            if let Some(index) = setting.index {
                out.u32(TEAM_ATTR_OPTION_ARRAY_INDEX, index);
            }
            out.end(item);
            out.end(list);
        };
        talk(machine, self.netns, self.family, TEAM_CMD_OPTIONS_SET, put).map(|_| ())
    }
}
