//! Patterns as shells have them (C's `fnmatch`): `*`, `?`, `[a-z]`, `[!a]`, and a backslash that quotes.
//!
//! The work is bounded by the product of both lengths. Left out: classes such as `[:alpha:]`.

/// Whether a text as a whole looks like the pattern.
pub fn matches_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, place));
            at += 1;
        } else if let Some(length) = one(pattern.get(at..).unwrap_or(&[]), text[place]) {
            at += length;
            place += 1;
        } else if let Some((after, taken)) = star {
            star = Some((after, taken + 1));
            at = after + 1;
            place = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at.min(pattern.len())..].iter().all(|c| *c == '*')
}

/// How much of the pattern one character uses up; none if it does not match.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '\\' if pattern.len() > 1 => (pattern[1] == c).then_some(2),
        '[' => match set(&pattern[1..], c) {
            Some((length, true)) => Some(length + 1),
            Some((_, false)) => None,
            None => (c == '[').then_some(1),
        },
        other => (*other == c).then_some(1),
    }
}

/// Reads a set behind its bracket: how long it is, and whether it holds the character; none if it does not end.
fn set(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let (mut at, mut found) = (start, false);
    loop {
        let first = match *pattern.get(at)? {
            ']' if at > start => return Some((at + 1, found != negated)),
            '\\' => {
                at += 1;
                *pattern.get(at)?
            }
            first => first,
        };
        let last = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some('-'), Some(last)) if *last != ']' => {
                at += 2;
                *last
            }
            _ => first,
        };
        found |= (first..=last).contains(&c);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_shells() {
        for (pattern, text) in
            [("*", ""), ("d*", "d0"), ("d?:*", "d0:two"), ("[a-e]0", "d0"), ("[!a]0", "d0"), ("\\*", "*")]
        {
            assert!(matches_glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("d", "d0"), ("?", ""), ("[!d]0", "d0"), ("*x", "d0"), ("[d", "d")]
        {
            assert!(!matches_glob(pattern, text), "{pattern} {text}");
        }
        assert!(matches_glob("[]]", "]") && matches_glob("a*b*c", "aXbYbZc") && !matches_glob("a*b", "abc"));
    }
}
