//! Asking before something that cannot be taken back lightly.

use std::io::{self, BufRead, IsTerminal as _, Write};

use crate::exit::Exit;
use crate::failure::Failure;

/// Refuses unless there is somebody to ask, or `yes` was given. Called before anything else is done, so that a script
/// without `--yes` always ends the same way.
pub(crate) fn possible(command: &str, yes: bool, json: bool) -> Result<(), Failure> {
    if yes || (!json && io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Ok(());
    }
    Err(Failure::new(Exit::RefusedForSafety, format!("{command} needs to be confirmed"))
        .because("there is no terminal to ask on")
        .next(format!("make sure of what it will do, then run it with --yes (carelogctl {command} --help)")))
}

/// Asks on the terminal for `word`, and takes nothing else.
pub(crate) fn ask(word: &str) -> Result<(), Failure> {
    ask_on(&mut io::stdin().lock(), &mut io::stderr(), word)
}

fn ask_on(input: &mut impl BufRead, prompt: &mut impl Write, word: &str) -> Result<(), Failure> {
    write!(prompt, "\nType '{word}' to go on: ")?;
    prompt.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    if answer.trim() == word {
        Ok(())
    } else {
        Err(Failure::new(Exit::Cancelled, "nothing was done").because(format!("the word '{word}' was not typed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_goes_on() {
        for (typed, goes_on) in
            [("restore\n", true), (" restore \n", true), ("y\n", false), ("Restore\n", false), ("", false)]
        {
            let mut prompt = Vec::new();
            let answer = ask_on(&mut typed.as_bytes(), &mut prompt, "restore");
            assert_eq!(answer.is_ok(), goes_on, "{typed:?}");
            assert!(String::from_utf8_lossy(&prompt).contains("'restore'"));
        }
    }

    #[test]
    fn yes_needs_no_terminal_and_a_document_allows_no_question() {
        assert!(possible("restore", true, true).is_ok());
        assert_eq!(possible("restore", false, true).expect_err("refused").exit, Exit::RefusedForSafety);
    }
}
