//! Names of the devices of a namespace: which name is whose, alternative names, and templates such as `veth%d`, which
//! stand for the name with the least number that is free (`dev_get_valid_name`, `__dev_alloc_name`).
//!
//! What is known of a template's numbers is kept as long as a name bears one of them, however many templates are in
//! use; so no use of a template walks names that it has walked before, or names that are not its own.

use crate::device::{DeviceId, Name};
use crate::least::Least;
use rtnl::errno::Errno;
use rtnl::object::link::NAME_MAX;
use std::collections::BTreeMap;

/// The largest number that a template of names is filled with, plus one (`8 * PAGE_SIZE`).
const TEMPLATE_NUMBERS: u32 = 32_768;
/// Digits of the largest one.
const DIGITS: usize = 5;
/// What stands for the number.
const PLACE: &[u8] = b"%d";

/// The names of a namespace.
#[derive(Default)]
pub(crate) struct Names {
    by_name: BTreeMap<u128, DeviceId>,
    by_altname: BTreeMap<Box<[u8]>, DeviceId>,
    /// The numbers of the templates in use, each with at least one that is taken.
    templates: BTreeMap<Name, Least>,
}

/// Whether a name may be a device's (`dev_valid_name`).
pub fn is_valid_name(name: &[u8]) -> bool {
    let forbidden = |&b: &u8| b == b'/' || b == b':' || b.is_ascii_whitespace() || b == 0x0b || b == 0xa0;
    !name.is_empty() && name.len() <= NAME_MAX && name != b"." && name != b".." && !name.iter().any(forbidden)
}

/// Whether a name is one of those that IPv4 keeps its settings under beside the devices'
/// (`sysctl_dev_name_is_allowed`).
pub(crate) fn is_reserved_name(name: &[u8]) -> bool {
    [&b"all"[..], b"default"].contains(&name)
}

/// The templates that a name may come from, with its number in each.
fn templates_of(name: &[u8]) -> impl Iterator<Item = (Name, u32)> + '_ {
    // The number has one digit at least, for which the template has two bytes.
    let fits = name.len() < NAME_MAX + DIGITS;
    let starts = if fits { 0..name.len() } else { 0..0 };
    starts.flat_map(move |at| {
        let digits = name[at..].iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        // A number has no zeroes in front.
        let longest = if name[at] == b'0' { digits.min(1) } else { digits };
        (1..=longest).filter_map(move |length| {
            let (digits, rest) = name[at..].split_at(length);
            let number = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            let short = at + PLACE.len() + rest.len() <= NAME_MAX;
            (short && number < TEMPLATE_NUMBERS).then(|| (joined(&name[..at], PLACE, rest), number))
        })
    })
}

/// Three pieces as a name, cut where a name ends.
fn joined(first: &[u8], second: &[u8], third: &[u8]) -> Name {
    let mut bytes = [0; NAME_MAX];
    let all = first.iter().chain(second).chain(third);
    bytes.iter_mut().zip(all).for_each(|(place, byte)| *place = *byte);
    Name::new(&bytes[..(first.len() + second.len() + third.len()).min(NAME_MAX)])
}

/// A number in decimal digits.
fn decimal(number: u32, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    let mut rest = number;
    while at > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    &digits[at..]
}

impl Names {
    /// The device of that name or alternative name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<DeviceId> {
        let short = name.len() <= NAME_MAX;
        let found = if short { self.by_name.get(&Name::new(name).number()) } else { None };
        found.or_else(|| self.by_altname.get(name)).copied()
    }

    /// A device has a name from now on; it must be free.
    pub(crate) fn enter(&mut self, device: DeviceId, name: Name) {
        self.by_name.insert(name.number(), device);
        self.note_taken(name.bytes());
    }

    /// A device has a name no longer.
    pub(crate) fn leave(&mut self, name: Name) {
        self.by_name.remove(&name.number());
        self.note_left(name.bytes());
    }

    /// The same for alternative names.
    pub(crate) fn enter_altname(&mut self, device: DeviceId, name: &[u8]) {
        self.by_altname.insert(name.into(), device);
        self.note_taken(name);
    }

    pub(crate) fn leave_altname(&mut self, name: &[u8]) {
        self.by_altname.remove(name);
        self.note_left(name);
    }

    fn note_taken(&mut self, name: &[u8]) {
        if self.templates.is_empty() {
            return;
        }
        for (template, number) in templates_of(name) {
            if let Some(numbers) = self.templates.get_mut(&template) {
                numbers.take(number);
            }
        }
    }

    fn note_left(&mut self, name: &[u8]) {
        if self.templates.is_empty() || self.find(name).is_some() {
            return;
        }
        for (template, number) in templates_of(name) {
            let Some(numbers) = self.templates.get_mut(&template) else { continue };
            numbers.release(number);
            if numbers.knows_nothing() {
                self.templates.remove(&template);
            }
        }
    }

    /// A name that is free: the one asked for, or the template `NAME%d` with the least free number.
    ///
    /// # Errors
    /// EINVAL for a name that is none, EEXIST for one that is taken, ENFILE if no number is free.
    pub(crate) fn free(&mut self, wanted: &[u8]) -> Result<Name, Errno> {
        if !is_valid_name(wanted) {
            return Err(Errno::EINVAL);
        }
        if wanted.contains(&b'%') {
            return self.fill_template(wanted);
        }
        match self.find(wanted) {
            Some(_) => Err(Errno::EEXIST),
            None => Ok(Name::new(wanted)),
        }
    }

    fn fill_template(&mut self, template: &[u8]) -> Result<Name, Errno> {
        let at = template.iter().position(|&b| b == b'%').unwrap_or(0);
        let (first, rest) = template.split_at(at);
        let rest = rest.strip_prefix(PLACE).filter(|rest| !rest.contains(&b'%')).ok_or(Errno::EINVAL)?;
        let key = Name::new(template);
        let mut numbers = self.templates.remove(&key).unwrap_or_default();
        let name = |number| joined(first, decimal(number, &mut [0; DIGITS]), rest);
        // A number with which the name would be too long is taken by nobody.
        let room = NAME_MAX - first.len() - rest.len();
        let fits = |number: u32| number < TEMPLATE_NUMBERS && number < 10u32.pow(room.min(DIGITS) as u32);
        let number = numbers.find(|number| fits(number) && self.find(name(number).bytes()).is_some());
        if !numbers.knows_nothing() {
            self.templates.insert(key, numbers);
        }
        let name = Some(number).filter(|number| *number < TEMPLATE_NUMBERS).map(name);
        name.filter(|name| self.find(name.bytes()).is_none()).ok_or(Errno::ENFILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEONE: DeviceId = DeviceId { slot: 0, generation: 0 };

    fn with(names: &[&str]) -> Names {
        let mut all = Names::default();
        names.iter().for_each(|name| all.enter(SOMEONE, Name::new(name.as_bytes())));
        all
    }

    #[test]
    fn templates_take_the_least_free_number() {
        let mut names = with(&["veth0", "veth2", "veth01", "vethx"]);
        assert_eq!(names.free(b"veth%d"), Ok(Name::new(b"veth1")));
        names.enter(SOMEONE, Name::new(b"veth1"));
        assert_eq!(names.free(b"veth%d"), Ok(Name::new(b"veth3")));
        names.leave(Name::new(b"veth0"));
        assert_eq!(names.free(b"veth%d"), Ok(Name::new(b"veth0")));
        for (wrong, errno) in [("a%d%d", Errno::EINVAL), ("a%x", Errno::EINVAL), ("100%", Errno::EINVAL)] {
            assert_eq!(names.free(wrong.as_bytes()), Err(errno));
        }
        assert_eq!(names.free(b"veth2"), Err(Errno::EEXIST));
    }

    #[test]
    fn a_number_stands_anywhere_and_alternative_names_count() {
        let mut names = with(&["0x7", "1x7", "2x0"]);
        assert_eq!(names.free(b"%dx7"), Ok(Name::new(b"2x7")));
        assert_eq!(names.free(b"2x%d"), Ok(Name::new(b"2x1")));
        names.enter_altname(SOMEONE, b"2x1");
        names.enter(SOMEONE, Name::new(b"2x7"));
        assert_eq!(names.free(b"2x%d"), Ok(Name::new(b"2x2")));
        assert_eq!(names.free(b"%dx7"), Ok(Name::new(b"3x7")));
        names.leave_altname(b"2x1");
        assert_eq!(names.free(b"2x%d"), Ok(Name::new(b"2x1")));
    }

    #[test]
    fn a_name_that_grows_too_long_ends_the_numbers() {
        let mut names = Names::default();
        for number in 0..100 {
            let name = names.free(b"abcdefghijklm%d").expect("two digits have room");
            assert_eq!(name.bytes(), format!("abcdefghijklm{number}").as_bytes());
            names.enter(SOMEONE, name);
        }
        assert_eq!(names.free(b"abcdefghijklm%d"), Err(Errno::ENFILE));
    }

    /// However many templates are used in turn, each name is asked for once.
    #[test]
    fn templates_in_turn_walk_nothing_twice() {
        const TEMPLATES: usize = 100;
        const EACH: usize = 50;
        let mut names = Names::default();
        for use_ in 0..TEMPLATES * EACH {
            let template = format!("t{}x%d", use_ % TEMPLATES);
            let name = names.free(template.as_bytes()).expect("a number is free");
            assert_eq!(name.bytes(), format!("t{}x{}", use_ % TEMPLATES, use_ / TEMPLATES).as_bytes());
            names.enter(SOMEONE, name);
        }
        let asked: u64 = names.templates.values().map(|numbers| numbers.asked).sum();
        assert!(asked <= (TEMPLATES * EACH) as u64 + TEMPLATES as u64, "asked {asked} times");
        for (template, number) in (0..TEMPLATES).flat_map(|t| (0..EACH).map(move |n| (t, n))) {
            names.leave(Name::new(format!("t{template}x{number}").as_bytes()));
        }
        assert!(names.templates.is_empty(), "what is known goes with the last name");
    }
}
