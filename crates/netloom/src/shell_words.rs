//! Lines as words, the way a shell splits them.
//!
//! Quotes, backslashes and comments mean what they mean in bash. What a command reads may be given with it: as a word
//! behind `<<<`, which is a line, or as what `echo` prints, by `echo … | COMMAND`. Nothing is expanded: a line that asks
//! for more of a shell than that (another pipe, a redirection, a variable …) is refused with the construct and the
//! remedy, because a line that quietly meant something else would be worse. Patterns (`*`, `?`, `[`) and `~` stand for
//! themselves.

use std::fmt;

/// A line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing but blanks or a comment.
    Empty,
    /// A command and its arguments.
    Command(Vec<String>),
    /// The same with ` &` at its end.
    Background(Vec<String>),
    /// A command and what it reads.
    Fed {
        /// The command and its arguments.
        words: Vec<String>,
        /// What it reads.
        input: Input,
        /// Whether ` &` stands at its end.
        background: bool,
    },
}

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A line.
    Line(String),
    /// What `echo` prints of these words.
    Echo(Vec<String>),
}

/// Why a line was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood {
    /// What stands in the line, as it stands there.
    pub construct: String,
    /// What it is.
    pub what: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}) is not understood here: {}", self.construct, self.what, self.remedy)
    }
}

impl std::error::Error for NotUnderstood {}

const ONE_A_LINE: &str = "put each command on a line of its own";
const WHOLE_OUTPUT: &str = "leave it out; what a command prints is in the transcript";
const PLAIN_VALUE: &str = "write the value itself, or put it in single quotes";
const NO_LOGIC: &str = "write out the commands, one a line";
const ONLY_ECHO: &str = "only what `echo` prints is piped; what a command prints is in the transcript";

/// The operators, longest first, with what they are and what to do instead.
const OPERATORS: &[(&str, &str, &str)] = &[
    ("||", "a list of commands", ONE_A_LINE),
    ("|&", "a pipe", ONLY_ECHO),
    ("|", "a pipe", ONLY_ECHO),
    ("&&", "a list of commands", ONE_A_LINE),
    ("&>", "a redirection", WHOLE_OUTPUT),
    (
        "&",
        "a background command",
        "only `ip … monitor … &`, `tcpdump … &`, `candump … &` and `nc … &` run in the background; put the next command on its own line",
    ),
    (";", "a list of commands", ONE_A_LINE),
    ("<<<", "a word to read", "put the word behind it"),
    ("<<", "a here-document", "for `ip -b`, put the lines into a file and name it"),
    ("<", "a redirection", "for `ip -b`, name the file"),
    (">", "a redirection", WHOLE_OUTPUT),
    ("(", "a subshell", NO_LOGIC),
    (")", "a subshell", NO_LOGIC),
    ("$(", "a command substitution", PLAIN_VALUE),
    ("${", "a variable", PLAIN_VALUE),
    ("$", "a variable", PLAIN_VALUE),
    ("`", "a command substitution", PLAIN_VALUE),
];

/// Words that begin a compound command when they stand first.
const KEYWORDS: &[&str] = &[
    "!", "[[", "{", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if",
    "in", "select", "then", "time", "until", "while", "}",
];

/// Takes a line apart.
///
/// # Errors
/// What in the line is not understood.
pub fn split(line: &str) -> Result<Line, NotUnderstood> {
    let mut splitter = Splitter {
        rest: line,
        word: None,
        words: Vec::new(),
        braces: Braces::default(),
        input: None,
        reads: false,
    };
    let background = splitter.run()?;
    let (words, input) = (splitter.words, splitter.input);
    if splitter.reads {
        return Err(operator("<<<"));
    }
    if words.is_empty() {
        return match (background, input) {
            (true, _) => Err(operator("&")),
            (false, Some(Input::Echo(_))) => Err(operator("|")),
            (false, Some(Input::Line(_))) => Err(operator("<<<")),
            (false, None) => Ok(Line::Empty),
        };
    }
    Ok(match input {
        Some(input) => Line::Fed { words, input, background },
        None if background => Line::Background(words),
        None => Line::Command(words),
    })
}

fn operator(text: &str) -> NotUnderstood {
    let row = OPERATORS.iter().find(|row| text.starts_with(row.0)).unwrap_or(&OPERATORS[0]);
    NotUnderstood { construct: row.0.into(), what: row.1, remedy: row.2 }
}

/// What is known of an unquoted `{…}` in the present word: bash makes several words of `{a,b}` and `{1..3}`.
#[derive(Default)]
struct Braces {
    open: bool,
    several: bool,
    before: char,
}

struct Splitter<'a> {
    rest: &'a str,
    /// The present word and whether any of it was quoted; none between words.
    word: Option<(String, bool)>,
    words: Vec<String>,
    braces: Braces,
    input: Option<Input>,
    /// Whether the next word is what is read.
    reads: bool,
}

impl Splitter<'_> {
    /// Splits to the end; says whether the line ends in `&`.
    fn run(&mut self) -> Result<bool, NotUnderstood> {
        while let Some(c) = self.next() {
            match c {
                ' ' | '\t' => self.end_word()?,
                '#' if self.word.is_none() => break,
                '\'' => self.single_quoted()?,
                '"' => self.double_quoted()?,
                '\\' => self.escaped()?,
                '&' if matches!(self.rest.trim_start().chars().next(), None | Some('#')) => {
                    self.end_word()?;
                    return Ok(true);
                }
                '|' if self.is_piped_echo() => {
                    self.end_word()?;
                    self.words.remove(0);
                    self.input = Some(Input::Echo(std::mem::take(&mut self.words)));
                }
                '<' if self.rest.starts_with("<<") => {
                    self.end_word()?;
                    self.rest = &self.rest[2..];
                    if std::mem::replace(&mut self.reads, true) {
                        return Err(operator("<<<"));
                    }
                }
                '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' => return Err(self.operator_at(c)),
                '$' if self.expands() => return Err(self.operator_at(c)),
                c => {
                    self.watch_braces(c)?;
                    self.push(c);
                }
            }
        }
        self.end_word()?;
        Ok(false)
    }

    /// Whether the `|` just read pipes what `echo` prints, and nothing was given to `echo` to read.
    fn is_piped_echo(&self) -> bool {
        let first = self.words.first().or(self.word.as_ref().map(|(word, _)| word));
        let plain = !self.rest.starts_with(['|', '&']) && self.input.is_none() && !self.reads;
        plain && first.is_some_and(|word| word == "echo")
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().0.push(c);
    }

    fn quoted(&mut self) -> &mut String {
        let word = self.word.get_or_insert_default();
        word.1 = true;
        &mut word.0
    }

    fn operator_at(&self, c: char) -> NotUnderstood {
        operator(&format!("{c}{}", self.rest.chars().next().unwrap_or_default()))
    }

    /// Whether the `$` just read begins an expansion: bash lets it stand before a blank or the end.
    fn expands(&self) -> bool {
        let next = self.rest.chars().next();
        next.is_some_and(|c| c.is_ascii_alphanumeric() || "_({'\"@*#?$!-".contains(c))
    }

    fn single_quoted(&mut self) -> Result<(), NotUnderstood> {
        let Some(end) = self.rest.find('\'') else { return Err(unclosed("'")) };
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        self.quoted().push_str(text);
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), NotUnderstood> {
        self.quoted();
        loop {
            match self.next() {
                None => return Err(unclosed("\"")),
                Some('"') => return Ok(()),
                Some('\\') => match self.next() {
                    None => return Err(unclosed("\"")),
                    Some(c @ ('$' | '`' | '"' | '\\')) => self.quoted().push(c),
                    Some(c) => self.quoted().extend(['\\', c]),
                },
                Some(c @ '`') => return Err(self.operator_at(c)),
                Some(c @ '$') if self.expands() && !self.rest.starts_with(['"', '\'']) => {
                    return Err(self.operator_at(c));
                }
                Some(c) => self.quoted().push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<(), NotUnderstood> {
        let Some(c) = self.next() else {
            let remedy = "put the whole command on one line";
            return Err(NotUnderstood { construct: "\\".into(), what: "a continued line", remedy });
        };
        self.quoted().push(c);
        Ok(())
    }

    /// Refuses `{a,b}` and `{1..3}`; every other brace stands for itself.
    fn watch_braces(&mut self, c: char) -> Result<(), NotUnderstood> {
        let braces = &mut self.braces;
        match c {
            '{' => *braces = Braces { open: true, ..Braces::default() },
            ',' if braces.open => braces.several = true,
            '.' if braces.open && braces.before == '.' => braces.several = true,
            '}' if braces.open && braces.several => {
                let (what, remedy) = ("a brace expansion", "write the words out");
                return Err(NotUnderstood { construct: "{…}".into(), what, remedy });
            }
            _ => {}
        }
        braces.before = c;
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), NotUnderstood> {
        self.braces = Braces::default();
        let Some((word, quoted)) = self.word.take() else { return Ok(()) };
        if std::mem::take(&mut self.reads) {
            self.input = Some(Input::Line(word));
            return Ok(());
        }
        if self.words.is_empty() && !quoted {
            if KEYWORDS.contains(&word.as_str()) {
                return Err(NotUnderstood { construct: word, what: "a shell keyword", remedy: NO_LOGIC });
            }
            if is_assignment(&word) {
                return Err(NotUnderstood { construct: word, what: "an assignment", remedy: PLAIN_VALUE });
            }
        }
        self.words.push(word);
        Ok(())
    }
}

fn unclosed(quote: &str) -> NotUnderstood {
    NotUnderstood { construct: quote.into(), what: "an open quote", remedy: "close it on the same line" }
}

/// Whether the word has the form `NAME=…`.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        match split(line) {
            Ok(Line::Command(words)) => words,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn splits_as_bash_does() {
        assert_eq!(words("ip  link\tshow"), ["ip", "link", "show"]);
        assert_eq!(
            words("ip link set d0 alias 'a  b'\"c d\"\\ e"),
            ["ip", "link", "set", "d0", "alias", "a  bc d e"]
        );
        assert_eq!(words("ip link # not this"), ["ip", "link"]);
        assert_eq!(words("ip link#this"), ["ip", "link#this"]);
        assert_eq!(words(r#"echo "a\"b\\c\d" ''"#), ["echo", "a\"b\\c\\d", ""]);
        assert_eq!(words("echo a$ {} {a} a,b *"), ["echo", "a$", "{}", "{a}", "a,b", "*"]);
        assert_eq!(words("echo '$x' \\$x \"\\$x\""), ["echo", "$x", "$x", "$x"]);
    }

    #[test]
    fn blanks_and_comments_are_empty() {
        for line in ["", "   ", "# ip link", "  # x"] {
            assert_eq!(split(line), Ok(Line::Empty), "{line}");
        }
    }

    #[test]
    fn a_last_ampersand_means_background() {
        let words = vec!["ip".to_string(), "monitor".into()];
        assert_eq!(split("ip monitor &"), Ok(Line::Background(words.clone())));
        assert_eq!(split("ip monitor&  # x"), Ok(Line::Background(words)));
    }

    #[test]
    fn what_a_command_reads_is_given_with_it() {
        let fed = |words: &str, input: Input, background: bool| {
            let words = words.split(' ').map(String::from).collect();
            Ok(Line::Fed { words, input, background })
        };
        let line = |text: &str| Input::Line(text.into());
        let echo = |words: &[&str]| Input::Echo(words.iter().map(|word| (*word).into()).collect());
        assert_eq!(split("nc -N h 1 <<< \"a  b\""), fed("nc -N h 1", line("a  b"), false));
        assert_eq!(split("nc <<<x h 1&"), fed("nc h 1", line("x"), true));
        assert_eq!(split("echo -n 'a|' b|nc h 1"), fed("nc h 1", echo(&["-n", "a|", "b"]), false));
        assert_eq!(split("echo | nc h 1 &"), fed("nc h 1", echo(&[]), true));
        assert_eq!(split("echo a | nc h 1 <<< b"), fed("nc h 1", line("b"), false));
    }

    #[test]
    fn names_what_it_does_not_understand() {
        for (line, construct) in [
            ("ip link | grep x", "|"),
            ("ip link || true", "||"),
            ("echo a || true", "||"),
            ("echo a |& nc", "|&"),
            ("echo a | echo b | nc", "|"),
            ("echo a <<< b | nc", "|"),
            ("echo a |", "|"),
            ("nc <<<", "<<<"),
            ("nc <<< <<< a", "<<<"),
            ("<<< a", "<<<"),
            ("ip link > x", ">"),
            ("ip -b - <<E", "<<"),
            ("ip link; ip link", ";"),
            ("ip link && ip link", "&&"),
            ("ip link & ip link", "&"),
            ("ip link show $x", "$"),
            ("ip link show ${x}", "${"),
            ("ip link show \"$(x)\"", "$("),
            ("ip link show `x`", "`"),
            ("(ip link)", "("),
            ("ip link add 'x", "'"),
            ("ip link add \"x", "\""),
            ("ip link \\", "\\"),
            ("ip link show d{1,2}", "{…}"),
            ("ip link show d{1..2}", "{…}"),
            ("A=1 ip link", "A=1"),
            ("for i in 1", "for"),
            ("&", "&"),
        ] {
            assert_eq!(split(line).unwrap_err().construct, construct, "{line}");
        }
    }
}
