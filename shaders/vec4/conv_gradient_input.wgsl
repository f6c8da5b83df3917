// conv_gradient_input (see conv_gradient_input.wgsl) for channels and units that are multiples of 4, over bindings of
// vec4f. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.pictures * params.lines * params.columns, params.units, params.terms);
}

fn load_a(part: u32, row: u32, k_4: u32) -> vec4f {
    let place = place_of(params.first_picture, row);
    let element = patch_element(place, part, term_of(params.first_term + 4u * k_4));
    return select(vec4f(0.0), source[element.at / 4u], element.inside);
}

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    let term = term_of(params.first_term + 4u * k_4);
    let y = params.last_tap_y - term.tap_y * params.tap_step_y;
    let x = params.last_tap_x - term.tap_x * params.tap_step_x;
    let row = (y * params.kernel_width + x) * params.units + column;
    return weights[(row * params.source_channels + part * params.channels + term.channel) / 4u];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let place = place_of(params.first_picture, row);
    let y = params.target_first_y + place.line * params.target_step_y;
    let x = params.target_first_x + place.column * params.target_step_x;
    let pixel = (place.picture * params.target_height + y) * params.target_width + x;
    let channel_4 = part * (params.units / 4u) + column_4;
    let at = pixel * params.groups * (params.units / 4u) + channel_4;
    var z = sums;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == params.taps_y * params.taps_x * params.channels {
        if params.derivative == 1u {
            let y = values[at];
            z *= activation_derivative_4(params.activation, y);
        } else {
            if params.bias == 1u {
                z += values[channel_4];
            }
            z = activate_4(params.activation, z);
        }
    }
    output[at] = z;
}
