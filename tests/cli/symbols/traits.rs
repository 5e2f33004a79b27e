// Traits, closures, generics: Rust for tests/cli/74_symbols.sh.
use std::collections::BTreeMap;

trait Shape {
    fn area(&self) -> f64;
}

struct Square(f64);
struct Pair<T>(T, T);

impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

impl<T: Copy + Into<f64>> Shape for Pair<T> {
    #[inline(never)]
    fn area(&self) -> f64 {
        self.0.into() * self.1.into()
    }
}

impl Square {
    #[inline(never)]
    fn grown(&self, by: f64) -> Square {
        Square(self.0 + by)
    }
}

fn main() {
    let n = std::env::args().count() as f64;
    let shapes: Vec<Box<dyn Shape>> = vec![
        Box::new(Square(n).grown(1.0)),
        Box::new(Pair(n as f32, 2.0f32)),
    ];
    let mut by_name = BTreeMap::new();
    for (i, s) in shapes.iter().enumerate() {
        by_name.insert(format!("shape {i}"), s.area());
    }
    let sum: f64 = by_name.values().map(|a| a * 2.0).filter(|a| *a > 1.0).sum();
    println!("{sum}");
}
