/* templates.h: the hand-written prompts of methods whose authors have others than CoOp's, for the datasets
 * that they are known for.
 */
#ifndef COOP_PROMPTS_TEMPLATES_H
#define COOP_PROMPTS_TEMPLATES_H

/* For a dataset of the catalogue ("oxford_pets"); NULL: the catalogue's own. */
const char *kgcoop_template(const char *dataset);
const char *prograd_template(const char *dataset);
const char *tcp_template(const char *dataset);
/* What follows TCP's contexts, with {} for the name; "{}." where nothing else is known. */
const char *tcp_around(const char *dataset);

#endif
