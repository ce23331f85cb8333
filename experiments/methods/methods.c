/* methods.c: the methods there are, in the order of the help. A new one adds its name twice. */
#include "experiments/methods/methods.h"

#include "experiments/methods/method.h"

extern const Method method_zeroshot, method_linear_probe, method_coop, method_text_layer, method_tip_adapter,
    method_cocoop, method_kgcoop, method_prograd, method_tcp, method_finetune, method_clip_lora,
    method_text_probe, method_clap, method_taskres, method_ss_text, method_gda, method_lpp,
    method_clip_adapter, method_cross_modal, method_prolip;

static const MethodSpec *const specs[] = {
    &method_zeroshot.spec,    &method_linear_probe.spec, &method_coop.spec,        &method_cocoop.spec,
    &method_kgcoop.spec,      &method_prograd.spec,      &method_tcp.spec,         &method_text_layer.spec,
    &method_tip_adapter.spec, &method_finetune.spec,     &method_clip_lora.spec,   &method_text_probe.spec,
    &method_clap.spec,        &method_taskres.spec,      &method_ss_text.spec,     &method_gda.spec,
    &method_lpp.spec,         &method_clip_adapter.spec, &method_cross_modal.spec, &method_prolip.spec,
};
static const MethodList list = {specs, sizeof specs / sizeof *specs};

const MethodList *method_list(void) {
    return &list;
}

bool method_serves_new_classes(const Point *learned) {
    (void)learned;
    return true;
}
