       #define LADDER_IMPLEMENTATION
       #include "ladder.h"
       #include <stdio.h>
       int main(int argc, char **argv) {
         ldr_error        err = {0};
         ldr_dataset_desc set = {0};
         ldr_ladder_desc  desc = {0};
         ldr_answer       answer = {0};
         const char      *dir = argc > 1 ? argv[1] : "bert-base-uncased", *file = argc > 2 ? argv[2] : "train.tsv";
         ldr_model       *model = ldr_model_load(dir, NULL, &err);
         ldr_dataset     *train = ldr_dataset_load(model, file, &set, &err);
         ldr_ladder      *ladder;
         desc.labels = train;
         ladder = ldr_ladder_create(model, &desc, &err);
         if (ladder && !ldr_fit(ladder, train, NULL, NULL, NULL, &err) && !ldr_ladder_save(ladder, "my.ladder", &err) &&
             !ldr_predict_text(ladder, &answer, argc > 3 ? argv[3] : "What is this?", NULL, &err))
           printf("%s (%.2f)\n", answer.name, answer.score);
         else fprintf(stderr, "%s\n", err.message);
         ldr_ladder_free(ladder);
         ldr_dataset_free(train);
         ldr_model_free(model);
         return err.status != LDR_OK;
       }
