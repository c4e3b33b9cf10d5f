use livestore::LiveValue;

use std::collections::BTreeMap;

#[derive(Clone, LiveValue)]
struct Job {
    #[live(len = 1..)]
    name: String,
}

fn any(_: &Job) -> Result<(), String> {
    Ok(())
}

#[derive(Clone, LiveValue)]
struct OwnRules {
    #[live(nested = Job, validate = any)]
    job: Job,
    #[live(each = Jobs)]
    jobs: BTreeMap<u8, Job>,
}

#[derive(Clone, LiveValue)]
struct RulesOfAnother {
    #[live(nested = Title)]
    job: Job,
    #[live(len = 1..)]
    title: String,
}

#[derive(Clone, LiveValue)]
struct RulesBefore {
    #[live(len = 1..)]
    title: String,
    #[live(each = Title)]
    jobs: BTreeMap<u8, Job>,
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Stop)))]
struct Kind {
    #[live(nested = Rejected)]
    job: Job,
}

impl Kind {
    fn stop(&mut self) {}
}

fn main() {}
