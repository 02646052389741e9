//! `cansend` and `cangen`: programs that send CAN frames.
//!
//! What `cangen` makes by chance comes from the machine's seed. Left out of it: `-p`, `-i` and `-c`, which are about
//! queues that are full; none is here.

use super::text::{self, View};
use crate::console::Console;
use crate::machine::Machine;
use kernel::CanSocketId;
use rtnl::errno::Errno;
use wire::can::{self, Can};

/// What `cangen` waits between frames, in milliseconds, if it is not told.
const GAP: f64 = 200.0;
/// Frames that one `cangen` sends at most.
const FRAMES: u64 = 1_000_000;

/// `cansend DEVICE FRAME`.
pub(crate) fn cansend<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    const USAGE: &str = include_str!("cansend.txt");
    let [device, frame] = words else {
        machine.console.err(USAGE);
        return 1;
    };
    let Some(frame) = text::parse(frame) else {
        machine.console.err(&format!("\nWrong CAN-frame format!\n\n{USAGE}"));
        return 1;
    };
    let complaint = match send_once(machine, device, &frame) {
        Ok(()) => return 0,
        Err(complaint) => complaint,
    };
    machine.console.err(&(complaint + "\n"));
    1
}

fn send_once<C: Console>(machine: &mut Machine<C>, device: &str, frame: &Can) -> Result<(), String> {
    let netns = machine.here();
    let (mut kernel, now) = machine.kernel();
    let ifindex =
        kernel.ifindex(netns, device).ok_or_else(|| format!("if_nametoindex: {}", Errno::ENODEV))?;
    let socket = kernel.open_can(netns, Some(ifindex)).map_err(|errno| format!("bind: {errno}"))?;
    let sent = kernel.send_can(now, socket, frame, true);
    kernel.close_can(socket);
    sent.map_err(|errno| match errno {
        Errno::EINVAL if frame.fd => "CAN interface is not CAN FD capable - sorry.".into(),
        errno => format!("write: {errno}"),
    })
}

/// How `cangen` makes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode<T> {
    Random,
    Counted,
    Fixed(T),
}

/// What was asked of `cangen`.
#[derive(Clone, Debug)]
struct Plan {
    device: String,
    count: Option<u64>,
    /// Milliseconds.
    gap: f64,
    identifier: Mode<u32>,
    length: Mode<u8>,
    data: Mode<[u8; can::FD_DATA]>,
    extended: bool,
    fd: bool,
    flags: u8,
    remote: bool,
    mixed: bool,
    echo: bool,
    verbose: u32,
}

/// The words behind `cangen`; an error is a complaint, empty for the usage.
fn plan(words: &[String]) -> Result<Plan, String> {
    let mut plan = Plan {
        device: String::new(),
        count: None,
        gap: GAP,
        identifier: Mode::Random,
        length: Mode::Random,
        data: Mode::Random,
        extended: false,
        fd: false,
        flags: 0,
        remote: false,
        mixed: false,
        echo: true,
        verbose: 0,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            if !plan.device.is_empty() {
                return Err(String::new());
            }
            plan.device = word.clone();
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if !"gILDn".contains(letter) {
                plan.switch(letter)?;
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            let value = if rest.is_empty() { words.next().map(String::as_str) } else { Some(rest) };
            plan.option(letter, value.ok_or(String::new())?)?;
            break;
        }
    }
    if plan.device.is_empty() { Err(String::new()) } else { Ok(plan) }
}

impl Plan {
    fn switch(&mut self, letter: char) -> Result<(), String> {
        match letter {
            'e' => self.extended = true,
            'f' => self.fd = true,
            'b' => (self.fd, self.flags) = (true, self.flags | can::BIT_RATE_SWITCH),
            'E' => (self.fd, self.flags) = (true, self.flags | can::ERROR_STATE),
            'R' => self.remote = true,
            'm' => self.mixed = true,
            'x' => self.echo = false,
            'v' => self.verbose += 1,
            'i' => {}
            _ => return Err(String::new()),
        }
        Ok(())
    }

    fn option(&mut self, letter: char, value: &str) -> Result<(), String> {
        let wrong = |what: &str| format!("'{value}' is no {what}.");
        match letter {
            'g' => {
                self.gap = value.parse().ok().filter(|gap| (0.0..=1e9).contains(gap)).ok_or(wrong("gap"))?
            }
            'n' => {
                let count = value.parse().ok().filter(|count| (1..=FRAMES).contains(count));
                self.count = Some(count.ok_or(String::new())?);
            }
            'I' => {
                self.identifier =
                    mode(value, |text| u32::from_str_radix(text, 16).ok()).ok_or(wrong("CAN-ID"))?
            }
            'L' => {
                let length =
                    |text: &str| text.parse().ok().filter(|length| usize::from(*length) <= can::FD_DATA);
                self.length = mode(value, length).ok_or(wrong("length"))?;
            }
            _ => self.data = mode(value, hex).ok_or("wrong fix data definition".to_string())?,
        }
        Ok(())
    }

    /// The complaint about an identifier that does not fit.
    fn check(&self) -> Result<(), String> {
        let Mode::Fixed(identifier) = self.identifier else { return Ok(()) };
        if identifier > can::STANDARD_MASK && !self.extended {
            return Err("The given CAN-ID is greater than 0x7FF and the '-e' option is not set.".into());
        }
        Ok(())
    }
}

fn mode<T>(value: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Mode<T>> {
    match value {
        "r" => Some(Mode::Random),
        "i" => Some(Mode::Counted),
        value => read(value).map(Mode::Fixed),
    }
}

/// Data from hexadecimal digits, zeros behind.
fn hex(text: &str) -> Option<[u8; can::FD_DATA]> {
    let mut data = [0; can::FD_DATA];
    if text.len() % 2 != 0 || text.len() > 2 * can::FD_DATA || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in data.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(data)
}

/// `cangen [ OPTIONS ] DEVICE`.
pub(crate) fn cangen<C: Console>(machine: &mut Machine<C>, words: &[String]) -> i32 {
    let plan = match plan(words) {
        Ok(plan) => plan,
        Err(complaint) if complaint.is_empty() => {
            machine.console.err(include_str!("cangen.txt"));
            return 1;
        }
        Err(complaint) => {
            machine.console.err(&(complaint + "\n"));
            return 1;
        }
    };
    let Some(count) = plan.count else {
        machine
            .console
            .err("netloom: cangen would never end here, where time is virtual: say how many with -n\n");
        return 2;
    };
    let sent = plan.check().and_then(|()| {
        let netns = machine.here();
        let (mut kernel, _) = machine.kernel();
        let ifindex =
            kernel.ifindex(netns, &plan.device).ok_or_else(|| format!("SIOCGIFINDEX: {}", Errno::ENODEV))?;
        let socket = kernel.open_can(netns, Some(ifindex)).map_err(|errno| format!("bind: {errno}"))?;
        drop(kernel);
        let sent = generate(machine, &plan, socket, count);
        machine.kernel().0.close_can(socket);
        sent
    });
    match sent {
        Ok(()) => 0,
        Err(complaint) => {
            machine.console.err(&(complaint + "\n"));
            1
        }
    }
}

fn generate<C: Console>(
    machine: &mut Machine<C>,
    plan: &Plan,
    socket: CanSocketId,
    count: u64,
) -> Result<(), String> {
    for number in 0..count {
        let frame = make(machine, plan, number);
        if plan.verbose == 1 {
            machine.console.out(&format!("  {}  {}\n", plan.device, text::short(&frame, true)));
        } else if plan.verbose > 1 {
            let view = View { ascii: plan.verbose > 2, ..View::default() };
            machine.console.out(&format!("  {}  {}\n", plan.device, text::long(&frame, view)));
        }
        let (mut kernel, now) = machine.kernel();
        let sent = kernel.send_can(now, socket, &frame, plan.echo);
        drop(kernel);
        sent.map_err(|errno| match errno {
            Errno::EINVAL if frame.fd => "CAN interface is not CAN FD capable - sorry.".to_string(),
            errno => format!("write: {errno}"),
        })?;
        if number + 1 < count {
            machine.pass((plan.gap * 1000.0) as u64);
        }
        machine.gather_can();
    }
    Ok(())
}

/// The next frame.
fn make<C: Console>(machine: &mut Machine<C>, plan: &Plan, number: u64) -> Can {
    let mut plan = plan.clone();
    if plan.mixed {
        let chance = machine.random();
        (plan.extended, plan.fd, plan.flags) = (chance & 1 != 0, chance & 2 != 0, 0);
        if plan.fd {
            plan.flags = (chance >> 2) as u8 & (can::BIT_RATE_SWITCH | can::ERROR_STATE);
        }
        plan.remote = chance & 24 == 24;
    }
    let mask = if plan.extended { can::EXTENDED_MASK } else { can::STANDARD_MASK };
    let identifier = mask
        & match plan.identifier {
            Mode::Random => machine.random() as u32,
            Mode::Counted => number as u32,
            Mode::Fixed(identifier) => identifier,
        };
    let code = match plan.length {
        Mode::Random => machine.random() as u8 & 15,
        Mode::Counted if plan.fd => (number & 15) as u8,
        Mode::Counted => (number % (can::DATA as u64 + 1)) as u8,
        Mode::Fixed(_) => 0,
    };
    let mut length = match plan.length {
        Mode::Fixed(length) if plan.fd => can::fd_length(usize::from(length)),
        Mode::Fixed(length) => usize::from(length).min(can::DATA),
        _ if plan.fd => can::fd_length_of_code(code),
        _ => usize::from(code).min(can::DATA),
    };
    if plan.data == Mode::Counted && length == 0 && plan.length == Mode::Random {
        length = 1;
    }
    let data = match plan.data {
        Mode::Fixed(data) => data,
        Mode::Counted => repeated(number.to_le_bytes()),
        Mode::Random => repeated(machine.random().to_le_bytes()),
    };
    let remote = plan.remote && !plan.fd;
    let flags = if plan.fd { plan.flags | can::FD_FRAME } else { 0 };
    let mut kept = [0; can::FD_DATA];
    if !remote {
        kept[..length].copy_from_slice(&data[..length]);
    }
    let identifier =
        identifier | if plan.extended { can::EXTENDED } else { 0 } | if remote { can::REMOTE } else { 0 };
    Can { identifier, fd: plan.fd, flags, length: length as u8, data: kept }
}

fn repeated(eight: [u8; 8]) -> [u8; can::FD_DATA] {
    std::array::from_fn(|at| eight[at % eight.len()])
}
