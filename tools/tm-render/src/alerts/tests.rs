use super::*;

/// An alert of a path, told apart by its message.
fn alert(kind: &str, of: &str, host: &str, vantage: &str, message: &str) -> Alert {
    let text =
        |value: &str| if value.is_empty() { "null".to_owned() } else { format!("\"{value}\"") };
    let json = format!(
        r#"{{"type":"alert","v":1,"at":"2026-11-29T10:32:05Z","host":"{host}","trace_id":"t","resolved_ip":"198.51.100.9","vantage":{},"kind":"{kind}","of":{},"severity":"warning","message":"{message}"}}"#,
        text(vantage),
        text(of)
    );
    serde_json::from_str(&json).unwrap()
}

fn shown(alerts: &Alerts, host: Option<&str>) -> Vec<String> {
    alerts.lines(host, 200)
}

#[test]
fn what_is_over_stands_no_more_and_only_that() {
    let mut alerts = Alerts::default();
    alerts.add(alert("loss", "", "a", "", "one"));
    alerts.add(alert("rtt_change", "", "a", "", "two"));
    alerts.add(alert("loss", "", "b", "", "three"));
    alerts.add(alert("loss", "", "a", "attic", "four"));
    alerts.add(alert("recovered", "loss", "a", "", "five"));
    let marks: Vec<(char, String)> = shown(&alerts, None)
        .iter()
        .map(|line| (line.chars().next().unwrap(), line.rsplit(' ').next().unwrap().to_owned()))
        .collect();
    let marks: Vec<(char, &str)> = marks.iter().map(|(mark, of)| (*mark, of.as_str())).collect();
    let wanted = [(' ', "one"), ('!', "two"), ('!', "three"), ('!', "four"), (' ', "five")];
    assert_eq!(marks, wanted);
    assert_eq!(shown(&alerts, Some("b")), ["! 10:32:05Z warning, b: three"]);
}

#[test]
fn of_those_that_are_over_the_latest_are_shown_and_what_stands_always_is() {
    let mut alerts = Alerts::default();
    alerts.add(alert("loss", "", "a", "", "first"));
    for n in 0..20 {
        alerts.add(alert("recovered", "rtt_change", "a", "", &n.to_string()));
    }
    let lines = shown(&alerts, None);
    assert_eq!(lines.len(), SHOWN);
    assert!(lines[0].ends_with("a: first") && lines[1].ends_with("a: 13"), "{lines:?}");
    assert!(lines.last().unwrap().ends_with("a: 19"));
    for n in 0..10 {
        alerts.add(alert("loss", "", "b", "", &n.to_string()));
    }
    let lines = shown(&alerts, None);
    assert_eq!(lines.len(), 11, "all that stand, and none that is over");
    assert!(lines.iter().all(|line| line.starts_with('!')), "{lines:?}");
}

#[test]
fn what_is_remembered_is_bounded_and_what_stands_is_remembered_longest() {
    let mut alerts = Alerts::default();
    alerts.add(alert("loss", "", "a", "", "standing"));
    for n in 0..3 * KEPT {
        alerts.add(alert("recovered", "rtt_change", "a", "", &n.to_string()));
    }
    assert_eq!(alerts.0.len(), KEPT);
    assert!(shown(&alerts, None)[0].ends_with("standing"));
    for n in 0..2 * KEPT {
        alerts.add(alert("loss", "", "b", "", &n.to_string()));
    }
    assert_eq!(alerts.0.len(), KEPT);
    let lines = shown(&alerts, None);
    assert_eq!(lines.len(), KEPT);
    assert!(lines[0].ends_with(&format!("b: {KEPT}")), "the oldest have gone: {}", lines[0]);
}
