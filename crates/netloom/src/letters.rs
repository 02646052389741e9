//! Options of one letter as `getopt` reads them: several in a word, a value behind its letter or in the next word, operands
//! between them, and `--` in front of what are operands only.

/// Reads arguments: hands each letter to `set`, with its value if it is one of `values`, and gives the operands.
///
/// # Errors
/// What `missing` says of a letter without its value, and what `set` says.
pub(crate) fn read<'a, E>(
    arguments: &'a [String],
    values: &str,
    missing: impl Fn(char) -> E,
    mut set: impl FnMut(char, &'a str) -> Result<(), E>,
) -> Result<Vec<&'a str>, E> {
    let mut operands = Vec::new();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            operands.extend(words);
            break;
        }
        let Some(mut letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            operands.push(word);
            continue;
        };
        while let Some(letter) = letters.chars().next() {
            letters = &letters[letter.len_utf8()..];
            let value = match values.contains(letter) {
                false => "",
                true if !letters.is_empty() => std::mem::take(&mut letters),
                true => words.next().ok_or_else(|| missing(letter))?,
            };
            set(letter, value)?;
        }
    }
    Ok(operands)
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_stand_behind_their_letter_or_in_the_next_word() {
        let words: Vec<String> = ["-ac1", "x", "-c", "2", "-", "--", "-b"].map(String::from).into();
        let mut seen = Vec::new();
        let set = |letter: char, value: &str| {
            seen.push((letter, value.to_string()));
            Ok::<_, char>(())
        };
        assert_eq!(super::read(&words, "c", |letter| letter, set), Ok(vec!["x", "-", "-b"]));
        assert_eq!(seen, [('a', "".into()), ('c', "1".into()), ('c', "2".into())]);
        let words = ["-c".to_string()];
        assert_eq!(super::read(&words, "c", |letter| letter, |_, _| Ok(())), Err('c'));
    }
}
