/* flash.S: files as constants in flash. The assembler copies them as they are, so nothing has to be generated.
   MODEL is a directory that ladder.h reads (ladder quantize has made its weights 8 bits wide), LADDER a ladder file. */
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
#ifdef TRAINED_LADDER
  file trained_ladder, TRAINED_LADDER
#endif
