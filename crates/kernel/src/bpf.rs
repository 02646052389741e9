//! Programs of classic BPF: checked once (`bpf_check_classic` in `net/core/filter.c`), then run for each frame.
//!
//! A program is instructions of eight bytes that work on two registers, A and X, and on sixteen words of memory. It
//! ends with a number. Jumps lead only ahead and stay inside, so that a run takes at most as many steps as there are
//! instructions, of which there are at most [`MOST`]. A load from beyond the frame and a division by zero end the
//! program with 0.
//!
//! Loads at offsets from −4096 on ask for what is known beside the bytes. **Left out** of those, and refused as Linux
//! refuses offsets that it does not know: the kind of the packet, its hash, chance, and the attributes of netlink
//! messages and the payload's offset, for which Linux calls its own parsers.

use crate::frame::Tag;
use rtnl::errno::Errno;

/// Instructions at most (`BPF_MAXINSNS`).
pub(crate) const MOST: usize = 4096;
/// Bytes of an instruction (`struct sock_filter`).
pub(crate) const INSTRUCTION: usize = 8;
/// Words of memory (`BPF_MEMWORDS`).
const WORDS: usize = 16;
/// Where offsets begin that ask for what is known beside the bytes (`SKF_AD_OFF`).
const BESIDE: i32 = -0x1000;
/// Where offsets from the network header begin (`SKF_NET_OFF`).
const NETWORK: i32 = -0x10_0000;
/// Where offsets from the link's header begin (`SKF_LL_OFF`).
const LINK: i32 = -0x20_0000;

/// A frame, and what programs may ask of it beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'f> {
    /// The frame from its link's header on, without the tag that was lifted out of it.
    pub bytes: &'f [u8],
    /// Where its network header is.
    pub network: usize,
    /// The tag that was lifted out of it.
    pub tag: Tag,
    /// What is in it: the EtherType behind the lifted tag, or what Linux has in its place for a length.
    pub protocol: u16,
    /// The index of the device that it is at.
    pub ifindex: u32,
    /// The hardware of that device (`ARPHRD_*`).
    pub hardware: u16,
}

/// What is known beside the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Beside {
    Protocol,
    Ifindex,
    Hardware,
    Tag,
    TagPresent,
    TagProtocol,
    /// The mark, the queue and the processor: none is ever another.
    Zero,
}

impl Beside {
    fn of(packet: &Packet<'_>, what: Beside) -> u32 {
        match what {
            Beside::Protocol => packet.protocol.into(),
            Beside::Ifindex => packet.ifindex,
            Beside::Hardware => packet.hardware.into(),
            Beside::Tag => packet.tag.tci.into(),
            Beside::TagPresent => packet.tag.is_some().into(),
            Beside::TagProtocol => packet.tag.protocol.into(),
            Beside::Zero => 0,
        }
    }
}

/// What works on A.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Work {
    Add,
    Subtract,
    Multiply,
    Divide,
    Or,
    And,
    ShiftLeft,
    ShiftRight,
    Remainder,
    Xor,
}

/// A comparison of A.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// The other side of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operand {
    Constant(u32),
    X,
}

/// What is loaded into A or X.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Constant(u32),
    Memory(usize),
    Length,
}

/// An instruction that was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// So many bytes at an offset, to A.
    Load(usize, u32),
    /// The same at an offset beyond X.
    LoadBeyondX(usize, u32),
    LoadBeside(Beside),
    LoadA(Source),
    LoadX(Source),
    /// Four times the low half of the byte at an offset, to X: the length of a header of IPv4.
    LoadHeaderLength(u32),
    StoreA(usize),
    StoreX(usize),
    Work(Work, Operand),
    Negate,
    /// So many instructions ahead.
    Jump(u32),
    /// So many if the test holds, and so many else.
    Branch(Test, Operand, u8, u8),
    XToA,
    AToX,
    Return(u32),
    ReturnA,
}

/// An instruction as it came.
#[derive(Clone, Copy)]
struct Raw {
    code: u16,
    yes: u8,
    no: u8,
    k: u32,
}

/// A program that was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    steps: Vec<Step>,
}

impl Program {
    /// Checks a program in the form of `struct sock_filter`s.
    ///
    /// # Errors
    /// EINVAL if it is no whole number of instructions, empty or too long, if it has an instruction that there is not or
    /// with a number that cannot be, a jump that leads out of it, no return at its end, or reads memory to which
    /// nothing has been written on every way there.
    pub(crate) fn check(bytes: &[u8]) -> Result<Program, Errno> {
        let count = bytes.len() / INSTRUCTION;
        if bytes.len() % INSTRUCTION != 0 || count == 0 || count > MOST {
            return Err(Errno::EINVAL);
        }
        let steps = bytes.chunks_exact(INSTRUCTION).map(|instruction| {
            let [code0, code1, yes, no, ref k @ ..] = *instruction else { return Err(Errno::EINVAL) };
            let k = u32::from_ne_bytes(k.try_into().map_err(|_| Errno::EINVAL)?);
            Raw { code: u16::from_ne_bytes([code0, code1]), yes, no, k }.understand().ok_or(Errno::EINVAL)
        });
        let program = Program { steps: steps.collect::<Result<_, _>>()? };
        if program.stays_inside() && program.writes_before_it_reads() {
            Ok(program)
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// Whether every jump leads to an instruction, and the last one returns.
    fn stays_inside(&self) -> bool {
        let count = self.steps.len();
        let inside = |at: usize, ahead: u32| (at as u64 + u64::from(ahead) + 1) < count as u64;
        let jumps = self.steps.iter().enumerate().all(|(at, step)| match *step {
            Step::Jump(ahead) => inside(at, ahead),
            Step::Branch(_, _, yes, no) => inside(at, yes.into()) && inside(at, no.into()),
            _ => true,
        });
        jumps && matches!(self.steps.last(), Some(Step::Return(_) | Step::ReturnA))
    }

    /// Whether every word of memory is written before it is read, whichever way leads there (`check_load_and_stores`).
    fn writes_before_it_reads(&self) -> bool {
        // The words that are written for certain before each instruction to which a jump leads.
        let mut at_target = vec![u16::MAX; self.steps.len()];
        let mut written = 0;
        for (at, step) in self.steps.iter().enumerate() {
            written &= at_target[at];
            let mut meet = |ahead: usize| {
                if let Some(target) = at_target.get_mut(at + 1 + ahead) {
                    *target &= written;
                }
            };
            match *step {
                Step::StoreA(word) | Step::StoreX(word) => written |= 1 << word,
                Step::LoadA(Source::Memory(word)) | Step::LoadX(Source::Memory(word))
                    if written & 1 << word == 0 =>
                {
                    return false;
                }
                Step::Jump(ahead) => {
                    meet(ahead as usize);
                    written = u16::MAX;
                }
                Step::Branch(_, _, yes, no) => {
                    meet(yes.into());
                    meet(no.into());
                    written = u16::MAX;
                }
                _ => {}
            }
        }
        true
    }

    /// Runs the program on a frame.
    pub(crate) fn run(&self, packet: &Packet<'_>) -> u32 {
        let mut state = State { a: 0, x: 0, memory: [0; WORDS] };
        let mut at = 0;
        // Jumps lead ahead only, so that this ends.
        while let Some(step) = self.steps.get(at) {
            match state.take(step, packet) {
                Next::Ahead(count) => at += 1 + count as usize,
                Next::End(number) => return number,
            }
        }
        0
    }
}

/// Where a program goes on.
enum Next {
    /// Behind so many instructions more.
    Ahead(u32),
    End(u32),
}

struct State {
    a: u32,
    x: u32,
    memory: [u32; WORDS],
}

impl State {
    fn operand(&self, operand: Operand) -> u32 {
        match operand {
            Operand::Constant(constant) => constant,
            Operand::X => self.x,
        }
    }

    fn source(&self, source: Source, packet: &Packet<'_>) -> u32 {
        match source {
            Source::Constant(constant) => constant,
            Source::Memory(word) => self.memory[word],
            Source::Length => packet.bytes.len() as u32,
        }
    }

    /// Carries out one instruction.
    #[inline]
    fn take(&mut self, step: &Step, packet: &Packet<'_>) -> Next {
        match *step {
            Step::Load(width, offset) => match load(packet, width, offset) {
                Some(number) => self.a = number,
                None => return Next::End(0),
            },
            Step::LoadBeyondX(width, offset) => match load(packet, width, self.x.wrapping_add(offset)) {
                Some(number) => self.a = number,
                None => return Next::End(0),
            },
            Step::LoadBeside(what) => self.a = Beside::of(packet, what),
            Step::LoadA(source) => self.a = self.source(source, packet),
            Step::LoadX(source) => self.x = self.source(source, packet),
            Step::LoadHeaderLength(offset) => match load(packet, 1, offset) {
                Some(number) => self.x = (number & 0xf) << 2,
                None => return Next::End(0),
            },
            Step::StoreA(word) => self.memory[word] = self.a,
            Step::StoreX(word) => self.memory[word] = self.x,
            Step::Work(work, operand) => match apply(work, self.a, self.operand(operand)) {
                Some(number) => self.a = number,
                None => return Next::End(0),
            },
            Step::Negate => self.a = self.a.wrapping_neg(),
            Step::Jump(ahead) => return Next::Ahead(ahead),
            Step::Branch(test, operand, yes, no) => {
                let holds = holds(test, self.a, self.operand(operand));
                return Next::Ahead(u32::from(if holds { yes } else { no }));
            }
            Step::XToA => self.a = self.x,
            Step::AToX => self.x = self.a,
            Step::Return(number) => return Next::End(number),
            Step::ReturnA => return Next::End(self.a),
        }
        Next::Ahead(0)
    }
}

/// The bytes at an offset; none if they are not all there (`bpf_skb_load_helper_*`).
#[inline]
fn load(packet: &Packet<'_>, width: usize, offset: u32) -> Option<u32> {
    let offset = offset as i32;
    let start = match offset {
        0.. => offset as usize,
        NETWORK.. => packet.network + (offset - NETWORK) as usize,
        LINK.. => (offset - LINK) as usize,
        _ => return None,
    };
    let bytes = packet.bytes.get(start..start.checked_add(width)?)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// The result; none of a division by zero. Of a distance of a shift the low five bits count.
fn apply(work: Work, a: u32, b: u32) -> Option<u32> {
    Some(match work {
        Work::Add => a.wrapping_add(b),
        Work::Subtract => a.wrapping_sub(b),
        Work::Multiply => a.wrapping_mul(b),
        Work::Divide => return a.checked_div(b),
        Work::Or => a | b,
        Work::And => a & b,
        Work::ShiftLeft => a.wrapping_shl(b),
        Work::ShiftRight => a.wrapping_shr(b),
        Work::Remainder => return a.checked_rem(b),
        Work::Xor => a ^ b,
    })
}

fn holds(test: Test, a: u32, b: u32) -> bool {
    match test {
        Test::Equal => a == b,
        Test::Greater => a > b,
        Test::GreaterOrEqual => a >= b,
        Test::AnyBit => a & b != 0,
    }
}

impl Raw {
    /// What the instruction means; none if there is no such, or its number cannot be (`chk_code_allowed`).
    fn understand(self) -> Option<Step> {
        if let Some(width) = match self.code {
            0x20 | 0x40 => Some(4),
            0x28 | 0x48 => Some(2),
            0x30 | 0x50 => Some(1),
            _ => None,
        } {
            return if self.code & 0x40 == 0 {
                self.load_of(width)
            } else {
                Some(Step::LoadBeyondX(width, self.k))
            };
        }
        let operand = if self.code & 8 == 0 { Operand::Constant(self.k) } else { Operand::X };
        let word = (self.k as usize) < WORDS;
        let word = word.then_some(self.k as usize);
        Some(match self.code {
            0x80 => Step::LoadA(Source::Length),
            0x81 => Step::LoadX(Source::Length),
            0x00 => Step::LoadA(Source::Constant(self.k)),
            0x01 => Step::LoadX(Source::Constant(self.k)),
            0x60 => Step::LoadA(Source::Memory(word?)),
            0x61 => Step::LoadX(Source::Memory(word?)),
            0xb1 => Step::LoadHeaderLength(self.k),
            0x02 => Step::StoreA(word?),
            0x03 => Step::StoreX(word?),
            0x84 => Step::Negate,
            0x05 => Step::Jump(self.k),
            0x07 => Step::AToX,
            0x87 => Step::XToA,
            0x06 => Step::Return(self.k),
            0x16 => Step::ReturnA,
            code if code & 0xff07 == 4 => Step::Work(work(code, operand)?, operand),
            code if code & 0xff07 == 5 => Step::Branch(test(code)?, operand, self.yes, self.no),
            _ => return None,
        })
    }

    /// A load at an offset that is given: from the bytes, or from beside them.
    fn load_of(self, width: usize) -> Option<Step> {
        let offset = self.k as i32;
        if !(BESIDE..0).contains(&offset) {
            return Some(Step::Load(width, self.k));
        }
        Some(match offset - BESIDE {
            0 => Step::LoadBeside(Beside::Protocol),
            8 => Step::LoadBeside(Beside::Ifindex),
            20 | 24 | 36 => Step::LoadBeside(Beside::Zero),
            28 => Step::LoadBeside(Beside::Hardware),
            40 => Step::Work(Work::Xor, Operand::X),
            44 => Step::LoadBeside(Beside::Tag),
            48 => Step::LoadBeside(Beside::TagPresent),
            60 => Step::LoadBeside(Beside::TagProtocol),
            _ => return None,
        })
    }
}

fn work(code: u16, operand: Operand) -> Option<Work> {
    let work = match code & 0xf0 {
        0x00 => Work::Add,
        0x10 => Work::Subtract,
        0x20 => Work::Multiply,
        0x30 => Work::Divide,
        0x40 => Work::Or,
        0x50 => Work::And,
        0x60 => Work::ShiftLeft,
        0x70 => Work::ShiftRight,
        0x90 => Work::Remainder,
        0xa0 => Work::Xor,
        _ => return None,
    };
    match (work, operand) {
        (Work::Divide | Work::Remainder, Operand::Constant(0)) => None,
        (Work::ShiftLeft | Work::ShiftRight, Operand::Constant(32..)) => None,
        _ => Some(work),
    }
}

fn test(code: u16) -> Option<Test> {
    match code & 0xf0 {
        0x10 => Some(Test::Equal),
        0x20 => Some(Test::Greater),
        0x30 => Some(Test::GreaterOrEqual),
        0x40 => Some(Test::AnyBit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Vec<u8> {
        let bytes = |(code, yes, no, k): &(u16, u8, u8, u32)| {
            [&code.to_ne_bytes()[..], &[*yes, *no], &k.to_ne_bytes()].concat()
        };
        instructions.iter().flat_map(bytes).collect()
    }

    fn packet(bytes: &[u8]) -> Packet<'_> {
        Packet {
            bytes,
            network: 14,
            tag: Tag { protocol: 0x8100, tci: 0x2005 },
            protocol: 0x800,
            ifindex: 7,
            hardware: 1,
        }
    }

    fn run(instructions: &[(u16, u8, u8, u32)]) -> u32 {
        let bytes: Vec<u8> = (0..60).collect();
        Program::check(&program(instructions)).unwrap().run(&packet(&bytes))
    }

    #[test]
    fn loads_look_where_they_should() {
        let end = (0x16, 0, 0, 0);
        assert_eq!(run(&[(0x20, 0, 0, 56), end]), 0x3839_3a3b);
        assert_eq!(run(&[(0x20, 0, 0, 57), (0x06, 0, 0, 1)]), 0, "a load from beyond ends it");
        assert_eq!(run(&[(0x28, 0, 0, 0xfff0_0000), end]), 0x0e0f, "from the network header");
        assert_eq!(run(&[(0x30, 0, 0, 0xffe0_0003), end]), 3, "from the link's header");
        assert_eq!(run(&[(0x30, 0, 0, 0xffdf_ffff), (0x06, 0, 0, 1)]), 0, "in front of everything");
        assert_eq!(run(&[(0xb1, 0, 0, 0x15), (0x50, 0, 0, 2), end]), 22);
        assert_eq!(run(&[(0x01, 0, 0, u32::MAX), (0x50, 0, 0, 3), end]), 2, "X and the offset wrap");
        let beside = [(0, 0x800), (8, 7), (20, 0), (28, 1), (44, 0x2005), (48, 1), (60, 0x8100)];
        for (what, value) in beside {
            assert_eq!(run(&[(0x30, 0, 0, 0xffff_f000 + what), end]), value, "{what}");
        }
    }

    #[test]
    fn a_division_by_zero_ends_it() {
        assert_eq!(run(&[(0x00, 0, 0, 9), (0x3c, 0, 0, 0), (0x06, 0, 0, 5)]), 0);
        assert_eq!(run(&[(0x00, 0, 0, 9), (0x9c, 0, 0, 0), (0x06, 0, 0, 5)]), 0);
        assert_eq!(
            run(&[(0x00, 0, 0, 9), (0x01, 0, 0, 33), (0x6c, 0, 0, 0), (0x16, 0, 0, 0)]),
            18,
            "33 is 1"
        );
    }

    /// Whatever passes the check runs to its end, on a frame of any length.
    #[test]
    fn what_passes_the_check_ends() {
        let (mut seed, mut passed) = (1u64, 0);
        let mut draw = move || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (seed >> 33) as u32
        };
        let codes: Vec<u16> = (0..0x100)
            .filter(|code| Raw { code: *code, yes: 0, no: 0, k: 1 }.understand().is_some())
            .collect();
        assert_eq!(codes.len(), 49, "as many as Linux lets through, with a number that all of them take");
        for _ in 0..20_000 {
            let mut code: Vec<(u16, u8, u8, u32)> = (0..draw() % 12)
                .map(|_| {
                    (
                        codes[draw() as usize % codes.len()],
                        draw() as u8 % 4,
                        draw() as u8 % 4,
                        draw() >> (draw() % 32),
                    )
                })
                .collect();
            code.push((0x16, 0, 0, 0));
            let Ok(program) = Program::check(&program(&code)) else { continue };
            passed += 1;
            let bytes = vec![0xa5; draw() as usize % 80];
            program.run(&packet(&bytes));
        }
        assert!(passed > 1000, "{passed}");
        let longest = vec![(0x16, 0, 0, 0); MOST];
        assert!(Program::check(&program(&longest)).is_ok());
        assert!(Program::check(&[program(&longest), program(&longest[..1])].concat()).is_err());
    }
}
