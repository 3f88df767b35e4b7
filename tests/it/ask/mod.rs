//! `ask`: a scripted model over real HTTP drives every path of the client and of the loop.

mod answers;
mod client;
mod memory;
mod safety;
mod servers;
mod turns;

use crate::harness::{Bench, model::Reply};

const SALES: &str = "region,product,amount,day\n\
    North,Tea,10.50,2024-01-05\nNorth,Coffee,20.25,2024-01-06\nSouth,Tea,5.00,2024-02-01\nSouth,Coffee,,2024-02-02\n";
const TOTAL: &str = "select region, sum(amount) as total from sales group by region order by region";

fn bench() -> Bench {
    Bench::new().file("sales.csv", SALES)
}

/// A query and the answer that rests on it.
fn plain() -> Vec<Reply> {
    use crate::harness::model::{answer, query};
    vec![query(TOTAL), answer("North sold 30.75 and South 5.00.", TOTAL)]
}
