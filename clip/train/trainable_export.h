/* trainable_export.h: a model in files of other programs. */
#ifndef CLIP_TRAIN_TRAINABLE_EXPORT_H
#define CLIP_TRAIN_TRAINABLE_EXPORT_H

#include "clip/train/trainable_clip.h"

/* Hugging Face's names: config.json, model.safetensors and preprocessor_config.json in a folder that is
 * there, for CLIPModel.from_pretrained. A ResNet and LayerScale, which that has not, are refused, as are
 * images that are padded. */
int trainable_export_hugging_face(const TrainableClip *clip, const char *folder, Error *err);

/* A state_dict with OpenAI's names, for clip.load. What its code computes in one way alone (quick GELU, heads
 * of 64, MLPs of four times the width, no LayerScale, its preparation of images) is refused where the model
 * differs. A text tower with another number of positions than 77 says so by `context_length`, as OpenAI's own
 * files do: build_model leaves it out, trainable_clip_open needs it. */
int trainable_export_openai(const TrainableClip *clip, const char *path, Error *err);

#endif
