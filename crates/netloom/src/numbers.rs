//! Numbers among the arguments of the programs of iputils.

/// A number within limits, decimal, octal or hexadecimal; the complaint if it is none (`strtol_or_err`).
pub(crate) fn number_within(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let invalid = || format!("invalid argument: '{text}'");
    let trimmed = text.trim_start();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (digits, radix) = match digits {
        hex if hex.starts_with("0x") => (&hex[2..], 16),
        octal if octal.len() > 1 && octal.starts_with('0') => (&octal[1..], 8),
        digits => (digits, 10),
    };
    if digits.starts_with(['-', '+']) {
        return Err(invalid());
    }
    let value = i128::from_str_radix(digits, radix).map_err(|_| invalid())?;
    let value = if negative { -value } else { value };
    if value < i128::from(i64::MIN) || value > i128::from(i64::MAX) {
        return Err(format!("invalid argument: '{text}': Numerical result out of range"));
    }
    let value = value as i64;
    if !(least..=most).contains(&value) {
        return Err(format!("invalid argument: '{text}': out of range: {least} <= value <= {most}"));
    }
    Ok(value)
}
