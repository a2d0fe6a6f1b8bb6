use uuid::Uuid;

use super::*;
use crate::alerts::Occasion;
use crate::alerts::letter::Earlier;
use crate::model::{EventKind, Severity};

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.to_owned(), value: value.to_owned() }
}

fn letter() -> Letter {
    let notice = Notice {
        id: Uuid::from_u128(7),
        key: "missing_backup/data".to_owned(),
        event: EventKind::MissingBackup,
        occasion: Occasion::Fired,
        severity: Severity::Critical,
        at: "2026-11-22T11:35:30Z".parse().unwrap(),
        host: "clinic-1".to_owned(),
        title: "The source 'data' has no recent backup".to_owned(),
        message: "Its newest backup is of 2026-11-20 00:00 and 36 hours old; it may be 24 hours old, as the objectives say.\n\nWhat was written since then would be lost if the disk failed today."
            .to_owned(),
        facts: vec![fact("Source", "data"), fact("Newest backup", "backup_20261120_000000.tar.zst (1.4 GiB)")],
        steps: vec![
            "carelogctl jobs --all shows what became of the last backups, and why.".to_owned(),
            "When the cause is removed: carelogctl backup --source data, which takes about as long as the last one did."
                .to_owned(),
        ],
        contact: "Dr. A. Admin <ext. 17>".to_owned(),
        audit_head: "812:ab12".to_owned(),
    };
    Letter { recipient: "anna@clinic.test".to_owned(), notice, earlier: None }
}

#[test]
fn a_letter_as_text() {
    assert_eq!(subject(&letter().notice), "[CareLog clinic-1] The source 'data' has no recent backup");
    let expected = "\
The source 'data' has no recent backup
======================================

Its newest backup is of 2026-11-20 00:00 and 36 hours old; it may be 24
hours old, as the objectives say.

What was written since then would be lost if the disk failed today.

  Source:         data
  Newest backup:  backup_20261120_000000.tar.zst (1.4 GiB)

What to do:
  1. carelogctl jobs --all shows what became of the last backups, and why.
  2. When the cause is removed: carelogctl backup --source data, which takes
     about as long as the last one did.

Whom to call: Dr. A. Admin <ext. 17>

-- \n  Host:         clinic-1
  Time:         2026-11-22 11:35:30 UTC
  Event:        missing_backup (fired), critical
  Notice:       00000000-0000-0000-0000-000000000007
  Audit trail:  812:ab12
";
    assert_eq!(text(&letter()), expected);
}

#[test]
fn a_letter_as_html() {
    let html = html(&letter());
    for part in [
        "<h2 style=\"border-left:6px solid #b3261e;padding-left:8px\">The source &#39;data&#39; has no recent backup</h2>",
        "<td>backup_20261120_000000.tar.zst (1.4 GiB)</td>",
        "<ol>\n<li>carelogctl jobs --all shows",
        "<b>Whom to call:</b> Dr. A. Admin &lt;ext. 17&gt;",
    ] {
        assert!(html.contains(part), "'{part}' is not in {html}");
    }
    assert_eq!(html.matches("<p>").count(), 4, "{html}");
}

#[test]
fn what_stands_for_others_says_so() {
    let since = "2026-11-20T01:00:00Z".parse().unwrap();
    let earlier = |count| text(&Letter { earlier: Some(Earlier { count, since }), ..letter() });
    let one =
        "Not said before:  an earlier notice of this, of 2026-11-20 01:00:00 UTC and later, could not be delivered";
    assert!(earlier(1).contains(one), "{}", earlier(1));
    assert!(earlier(3).contains("  3 earlier notices of this, of 2026-11-20 01:00:00 UTC"), "{}", earlier(3));
}

#[test]
fn nothing_of_a_notice_begins_a_line_or_a_tag_of_its_own() {
    let mut letter = letter();
    let bad = "a\r\nBcc: x@y.test\u{1b}[2J\u{2028}b\u{202e}<script>&\"'";
    letter.notice.title = bad.to_owned();
    letter.notice.host = bad.to_owned();
    letter.notice.facts = vec![fact(bad, bad)];
    letter.notice.steps = vec![bad.to_owned()];
    letter.notice.contact = bad.to_owned();
    letter.notice.audit_head = bad.to_owned();
    letter.notice.message = bad.to_owned();
    let (subject, text, html) = (subject(&letter.notice), text(&letter), html(&letter));
    let is_unfit = |c: char| c.is_control() && c != '\n' || ['\u{2028}', '\u{202e}'].contains(&c);
    for rendered in [&subject, &text, &html] {
        assert!(!rendered.contains(is_unfit), "{rendered:?}");
    }
    assert!(!subject.contains('\n'), "{subject:?}");
    assert!(!html.contains("<script"), "{html}");
    assert_eq!(text.lines().filter(|line| line.starts_with("Bcc")).count(), 1, "the message's own second line: {text}");
}

#[test]
fn a_notice_with_nothing_to_add_has_no_empty_headings() {
    let mut letter = letter();
    letter.notice.facts.clear();
    letter.notice.steps.clear();
    letter.notice.contact.clear();
    letter.notice.audit_head.clear();
    let text = text(&letter);
    for heading in ["What to do", "Whom to call", "Audit trail"] {
        assert!(!text.contains(heading) && !html(&letter).contains(heading), "{text}");
    }
}
