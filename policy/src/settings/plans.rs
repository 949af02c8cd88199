//! Named schedules.

use super::{
    node::{Node, shown},
    problem::{Concern, Problems},
    retention,
};
use crate::{config::Plan, cron};

const PLANS: usize = 32;
const NAME: usize = 63;
const EXPRESSION: usize = 256;

pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    for item in node.items(PLANS, problems) {
        let Some(fields) = item.fields(&["name", "schedule", "ttl", "lock"], problems) else { continue };
        let (name, schedule) = (fields.require("name", problems), fields.require("schedule", problems));
        let mut duration = |field| fields.get(field).and_then(|node| retention::read(&node, problems));
        let (ttl, lock) = (duration("ttl"), duration("lock"));
        if let (Some((ttl, kept)), Some((lock, locked))) = (&ttl, &lock)
            && locked > kept
        {
            let message = format!("a backup cannot be locked for {lock}, longer than it is kept ({ttl}); raise ttl");
            problems.mistake(Concern::Plans, item.path.clone().field("lock"), message);
        }
        let name = name.and_then(|node| Some((node.text(NAME, problems)?.to_owned(), node.path)));
        let schedule = schedule.and_then(|node| expression(&node, problems));
        let Some((name, path)) = name else { continue };
        if !name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-') {
            let message = format!("{name:?} cannot be part of a schedule's name; write a-z, 0-9 and - only");
            problems.mistake(Concern::Plans, path.clone(), message);
        }
        if plans.iter().any(|plan| plan.name == name) {
            problems.mistake(Concern::Plans, path, format!("there is a plan {name} above; rename one of the two"));
        }
        let text = |it: Option<(String, i64)>| it.map(|(text, _)| text);
        plans.push(Plan { name, schedule: schedule.unwrap_or_default(), ttl: text(ttl), lock: text(lock) });
    }
    plans
}

fn expression(node: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let text = node.text(EXPRESSION, problems)?;
    match cron::Schedule::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let message = format!("{:?} is no schedule that Velero takes: {error}", shown(text));
            problems.mistake(Concern::Plans, node.path.clone(), message);
            None
        }
    }
}
