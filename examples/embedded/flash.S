/* flash.S: files as constants in flash. The assembler copies them as they are, so nothing has to be generated.
   ladder quantize has made the model's weights 8 bits wide; ladder.h reads them where they lie. */
.macro file name, path
  .section .model.\name, "a"
  .balign 16
  .global \name
  .global \name\()_end
\name:
  .incbin "\path"
\name\()_end:
  .byte 0
.endm

  file model_config, MODEL_CONFIG
  file model_weights, MODEL_WEIGHTS
  file model_vocabulary, MODEL_VOCABULARY
#ifdef LADDER_NO_TRAIN
  file trained_ladder, TRAINED_LADDER
#endif
