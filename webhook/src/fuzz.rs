//! What must hold for any bytes that strangers send: the bodies of the fuzz targets in `fuzz/`, which tests run as well.
#![allow(clippy::panic, clippy::expect_used, reason = "a broken promise ends the fuzzer, and the test")]

use backup_policy::{Config, Facts, Subject, defaults, evaluate};
use serde_json::Value;

use crate::{
    admit::{self, Answer, Request},
    certs,
    router::deadline,
    tls::Certificate,
};

/// A request's body: it is weighed, parsed, judged and answered, and the answer is one that API servers understand.
pub fn review(bytes: &[u8]) {
    assert!(admit::weigh(bytes) >= bytes.len());
    match admit::read(bytes) {
        Ok(request) => {
            answered(judged(&request), &request.uid);
            filled(&request);
        }
        Err(malformed) => {
            let uid = malformed.uid.clone().unwrap_or_default();
            answered(Answer::malformed(&malformed), &uid);
        }
    }
}

/// A certificate in PEM, from a Secret, a file or a caller.
pub fn certificate(bytes: &[u8]) {
    drop(certs::Facts::of_pem(bytes));
    drop(certs::Facts::of_der(bytes));
    drop(certs::common_name(bytes));
    assert!(Certificate::default().replace(bytes, bytes).is_err(), "no text is a certificate and its key");
}

/// The query of a request's URL: whatever it says, the time is bounded.
pub fn query(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok();
    assert!(deadline(text).as_secs() <= 30);
}

fn judged(request: &Request) -> Answer {
    let Some(subject) = admit::subject(request) else { return Answer::allowed() };
    let facts = Facts { requester_exempt: Some(false), writer: request.user_info.writer(), ..Facts::default() };
    Answer::judged(request, &evaluate(&Config::default(), &subject, &facts))
}

fn answered(answer: Answer, uid: &str) {
    let refused = answer.refusal.is_some();
    let review = serde_json::to_value(answer.into_review(uid).expect("a review")).expect("JSON");
    let response = &review["response"];
    assert_eq!(review["kind"], "AdmissionReview");
    assert_eq!((&response["uid"], &response["allowed"]), (&uid.into(), &(!refused).into()));
    assert!(!refused || response["status"]["code"].as_u64().is_some_and(|code| code >= 400));
    let warnings: Vec<&str> = response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(warnings.iter().all(|warning| warning.chars().count() <= 256 && !warning.contains(char::is_control)));
    assert!(warnings.iter().map(|warning| warning.chars().count()).sum::<usize>() <= 4096);
}

/// Filling in what is open leaves nothing open.
fn filled(request: &Request) {
    let Some(subject) = admit::subject(request) else { return };
    let facts = Facts { requester_exempt: Some(true), ..Facts::default() };
    let patch = defaults::patch(&Config::default(), &subject, &facts);
    let mut object = subject.object.clone();
    json_patch::patch(&mut object, &patch).expect("a patch fits its object");
    let again = Subject { object: &object, ..subject };
    assert!(defaults::patch(&Config::default(), &again, &facts).0.is_empty(), "once is enough");
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let files = fs::read_dir(folder).expect("a corpus").map(|file| fs::read(file.expect("a file").path()));
        files.collect::<Result<_, _>>().expect("it can be read")
    }

    /// Each text as it is, cut short, and with one byte changed.
    fn each(target: &str, run: fn(&[u8])) {
        drop(rustls::crypto::ring::default_provider().install_default());
        let texts = corpus(target);
        assert!(texts.len() > 5, "{target}");
        for text in texts {
            run(&text);
            let step = (text.len() / 60).max(1);
            for at in (0..text.len()).step_by(step) {
                run(&text[..at]);
                let mut changed = text.clone();
                for byte in [0, b'"', b'{', b'[', b',', b'9', 0xff] {
                    changed[at] = byte;
                    run(&changed);
                }
            }
        }
    }

    #[test]
    fn every_review_of_the_corpus_is_answered() {
        each("review", review);
    }

    #[test]
    fn every_certificate_of_the_corpus_is_read_or_not() {
        each("certificate", certificate);
    }

    #[test]
    fn every_query_of_the_corpus_is_bounded() {
        each("query", query);
    }
}
