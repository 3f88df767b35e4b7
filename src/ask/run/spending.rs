//! What turns of the model use: taken from the user's day before, counted after.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::Run;
use crate::{
    ask::Event,
    fault::{Code, Fault},
    llm::{Piece, Request, Turn, Usage},
};

impl Run<'_> {
    /// One turn of the model, paid for with the user's tokens of the day.
    pub(super) async fn turn(&mut self, request: &Request) -> Result<Turn, Fault> {
        let reserved = match (self.asking.is_metered, self.asking.daily_tokens) {
            (false, _) => None,
            (true, daily) => {
                let wanted = self.counter.request(request) + u64::from(request.max_tokens);
                Some(self.caller.workspace.reserve_tokens(wanted, daily).await?)
            }
        };
        let (spoke, wasted) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let on_piece = |piece: Piece<'_>| match piece {
            Piece::Text(text) => {
                spoke.store(true, Ordering::Relaxed);
                (self.listener)(Event::Text(text));
            }
            Piece::Wasted(usage) => wasted.lock().unwrap_or_else(PoisonError::into_inner).push(usage),
        };
        let turn = tokio::select! {
            turn = self.model.turn(request, &on_piece, self.deadline) => turn,
            () = self.context.cancel.cancelled() => Err(Fault::new(Code::Cancelled, "the question was cancelled")),
        };
        if spoke.load(Ordering::Relaxed) {
            (self.listener)(Event::Text("\n"));
        }
        let mut used = wasted.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Ok(turn) = &turn {
            used.push(match turn.usage {
                Some(usage) => {
                    self.counter.learn(request, usage);
                    usage
                }
                None => self.counted(request, turn),
            });
        }
        let n_tokens = used.iter().map(|usage| usage.prompt.saturating_add(usage.completion));
        let n_tokens = n_tokens.fold(0_u64, u64::saturating_add);
        for usage in used {
            self.spent(usage);
        }
        // What failed costs what its server said; what was called off may cost all of it.
        if let Some(reserved) = reserved.filter(|_| !matches!(&turn, Err(fault) if fault.code == Code::Cancelled)) {
            self.caller.workspace.settle_tokens(reserved, n_tokens).await?;
        }
        turn
    }

    fn spent(&mut self, usage: Usage) {
        self.tokens.prompt = self.tokens.prompt.saturating_add(usage.prompt);
        self.tokens.completion = self.tokens.completion.saturating_add(usage.completion);
        if let Some(cost) = usage.cost.or_else(|| self.asking.prices.map(|prices| prices.cost(usage))) {
            self.cost += cost;
            self.has_cost = true;
        }
    }

    fn counted(&self, request: &Request, turn: &Turn) -> Usage {
        let calls: String = turn.calls.iter().map(|call| call.name.clone() + &call.arguments).collect();
        let completion = self.counter.text(&(turn.text.clone() + &calls));
        Usage { prompt: self.counter.request(request), completion, cost: None }
    }
}
