// An element's term where it hangs on its own logit and target alone (shared/elementwise_loss.wgsl).

fn term_at(i: u32) -> vec3f {
    return term(logits[i], targets[i]);
}
