//! Finds the paths of Rust code that lead to modules of the crate: `crate::x`, `crate::{x, y::z}`, and chains of `super`
//! that climb as far. Not a parser: tokens without comments and literals, and the nesting of inline modules.

/// A use of a top-level module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CratePath {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The module's name.
    pub(crate) module: String,
}

/// Every path in `text` that leads to a top-level module, from a file that lies `depth` modules below the crate's root.
/// In the binary's root (`depth` 0) the library goes by its own name.
pub(crate) fn crate_paths(text: &str, depth: usize) -> Vec<CratePath> {
    let tokens = tokens(text);
    let word = |at: usize| tokens.get(at).map(|token| token.text.as_str());
    let mut found = Vec::new();
    // For each open brace: whether it is the body of an inline module.
    let mut braces = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => braces.push(at >= 2 && word(at - 2) == Some("mod")),
            "}" => drop(braces.pop()),
            "crate" if word(at + 1) == Some("::") => {
                collect_heads(&tokens, at + 2, &mut found);
            }
            "carelogd" if depth == 0 && word(at + 1) == Some("::") => {
                collect_heads(&tokens, at + 2, &mut found);
            }
            "super" if word(at + 1) == Some("::") => {
                let mut climbed = 1;
                while word(at + 1) == Some("::") && word(at + 2) == Some("super") {
                    climbed += 1;
                    at += 2;
                }
                let below_root = depth + braces.iter().filter(|is_module| **is_module).count();
                if climbed >= below_root && word(at + 1) == Some("::") {
                    collect_heads(&tokens, at + 2, &mut found);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first names behind a `::`: one, or those of a group.
fn collect_heads(tokens: &[Token], start: usize, found: &mut Vec<CratePath>) {
    let mut add = |token: &Token| {
        let is_name = token.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_name && token.text != "self" {
            found.push(CratePath { line: token.line, module: token.text.clone() });
        }
    };
    let Some(first) = tokens.get(start) else { return };
    if first.text != "{" {
        add(first);
        return;
    }
    let mut open = 1;
    let mut expects_head = true;
    for token in &tokens[start + 1..] {
        match token.text.as_str() {
            "{" => open += 1,
            "}" => open -= 1,
            "," if open == 1 => expects_head = true,
            _ => {
                if expects_head && open == 1 {
                    add(token);
                }
                expects_head = false;
            }
        }
        if open == 0 {
            return;
        }
    }
}

struct Token {
    line: usize,
    text: String,
}

/// Names, `::` and single signs; no comments, no strings, no characters, no lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let begin = at;
        let here = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or('\0');
        let mut kept = false;
        match here {
            '/' if next == '/' => at = find(&chars, at, |c| c == '\n'),
            '/' if next == '*' => at = end_of_block_comment(&chars, at),
            '"' => at = end_of_string(&chars, at),
            '\'' => at = end_of_quote(&chars, at),
            ':' if next == ':' => (at, kept) = (at + 2, true),
            c if c.is_alphanumeric() || c == '_' => {
                at = find(&chars, at, |c| !(c.is_alphanumeric() || c == '_'));
                match raw_string_end(&chars, begin, at) {
                    Some(end) => at = end,
                    None => kept = true,
                }
            }
            c => (at, kept) = (at + 1, !c.is_whitespace()),
        }
        if kept {
            tokens.push(Token { line, text: chars[begin..at].iter().collect() });
        }
        line += chars[begin..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| wanted(*c)).map_or(chars.len(), |offset| from + offset)
}

fn end_of_block_comment(chars: &[char], from: usize) -> usize {
    let mut open = 0;
    let mut at = from;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (open, at) = (open + 1, at + 2),
            ('*', '/') => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
        if open == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A character literal, or the quote of a lifetime.
fn end_of_quote(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => (find(chars, (from + 3).min(chars.len()), |c| c == '\'') + 1).min(chars.len()),
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// The end of `r"…"`, `br##"…"##` and the like, when the name at `begin..end` begins one.
fn raw_string_end(chars: &[char], begin: usize, end: usize) -> Option<usize> {
    let prefix: String = chars[begin..end].iter().collect();
    if !["r", "br", "cr"].contains(&prefix.as_str()) {
        return None;
    }
    let quote = find(chars, end, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let hashes = quote - end;
    let mut at = quote + 1;
    while at < chars.len() {
        let closes = chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(chars.len())
}
