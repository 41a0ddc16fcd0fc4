/* texts.c: makes sentences of everyday English out of a small grammar, for the model beside it to be distilled on.

       cc -std=c99 -O2 texts.c -o texts && ./texts 400000 1 ../data/dev.tsv ../data/test.tsv > everyday.txt

   Lines, seed, and files of labelled sentences that must not come out: none of theirs does, whatever its case and punctuation. A rule is a name and
   alternatives with bars between them; <name> stands for one of another rule's. The same seed gives the same lines. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name, *text; } rules[] = {
  { "line", "<house>|<house>|<house>|<house>|<house>|<house>|<film>|<film>|<film>|<film>|<film>|<talk>|<talk>|<talk>|<house>. <house>|<film>. <film>|<talk>. <talk>|<house>, <and> <house>" },
  { "and", "and|and then|then|but first|but|and also|because|so" },

  /* ---- requests to a house ---- */
  { "house", "<light>|<light>|<heat>|<heat>|<door>|<door>|<music>|<music>|<volume>|<volume>|<timer>|<timer>|<blind>|<blind>|<ask> <plain>|<ask> <plain>|<plain> <please>|<plain> <when>|<not>|<not>|<contrast>|<contrast>|<already>|<scene>" },
  { "ask", "please|can you|could you|would you|could you please|would you mind and|will you|I want you to|I'd like you to|hey, |go and|kindly|somebody should|let's|I need you to|it's time to|don't forget to|be so good as to|you may|you can now|how about you|try to|just|quickly|ok house," },
  { "please", "please|now|right now|at once|will you|would you|for me|for us|thanks|if you can|if you don't mind|as soon as possible|immediately|again|one more time|this time|a bit|a little|properly" },
  { "when", "when I leave|before I go to bed|after dinner|before the guests come|in the evening|tonight|tomorrow morning|when it gets dark|while I am away|for the night|until I say so|now that everybody is here|since nobody is here|because the baby sleeps|so that I can read|so I can sleep|while we eat|before the storm|during the film|for the party|when the meeting starts|for the cat|for grandma|for my sister|for the children|as we leave" },
  { "room", "kitchen|bedroom|living room|bathroom|hall|hallway|garage|study|office|nursery|dining room|cellar|basement|attic|corridor|lounge|pantry|guest room|children's room|laundry room|workshop|porch|garden|balcony|terrace|stairs|conservatory|library|playroom" },
  { "place", "in the <room>|in the <room>|in here|upstairs|downstairs|everywhere|in my room|in the whole house|outside|over the table|by the bed|above the sink|at the back|at the front|on the ground floor|in every room|next door|in this corner" },
  { "lamp", "light|lights|lamp|lamps|ceiling light|desk lamp|night light|floor lamp|bulb|lighting|chandelier|spotlights|reading lamp|bedside lamp|lights <place>|<room> light|<room> lights|<room> lamp|fairy lights" },
  { "gate", "door|front door|back door|garage door|gate|side door|cellar door|patio door|<room> door|garden gate|doors|house|main entrance|entrance|bolt|shed" },
  { "sound", "music|song|radio|jazz|some jazz|classical music|the news|an audiobook|my playlist|rock|the album|a podcast|piano music|dance music|something cheerful|something quiet|a lullaby|Mozart|the Beatles|my favourite song|the record|the concert|some tunes|guitar music|folk songs|hip hop|the blues|an opera|the sound of rain|Christmas carols" },
  { "cover", "blinds|shutters|curtains|shades|blind|curtain|drapes|<room> blinds|<room> curtains|<room> shutters|roller blind|awning|window cover|blinds <place>" },
  { "meal", "eggs|pasta|rice|bread|cake|pizza|potatoes|soup|roast|tea|coffee|cookies|chicken|pie|dough|beans|noodles|lasagne|laundry|washing|oven|porridge" },
  { "number", "two|three|four|five|six|seven|eight|ten|twelve|fifteen|twenty|twenty-five|thirty|forty|forty-five|fifty|ninety|a few|a couple of" },
  { "span", "<number> minutes|<number> minutes|<number> seconds|an hour|half an hour|a quarter of an hour|<number> hours|an hour and a half|ten past six|seven o'clock|noon|midnight|half past eight|eight in the morning|six tomorrow" },
  { "degrees", "<number> degrees|<number> degrees|twenty-one|nineteen degrees|twenty-three degrees|one degree|two degrees|half a degree|a few degrees" },

  { "light", "<light_on>|<light_off>|<light_dim>" },
  { "light_on", "turn on the <lamp>|switch on the <lamp>|switch the <lamp> on|turn the <lamp> on|put the <lamp> on|lights on <place>|lights on|light up the <room>|light the <room>|illuminate the <room>|I can't see anything <place>|it's dark <place>|it is so dark <place>|it is pitch black <place>|too dark to read|I can't find my <thing> in this darkness|I need light <place>|I need some light to <job>|let there be light|give me some light|make it bright <place>|brighten the <room>|it's like a cave <place>|why is it so dark <place>|who turned the lights off|I keep bumping into things <place>|the <room> needs light|the sun is gone and I'm still reading|is there a lamp <place>, then use it|we are sitting in the dark|I'm afraid of the dark|I want to see what I am doing|wake up the <lamp>|get the <lamp> going|the <lamp> should be on|<lamp> on" },
  { "light_off", "turn off the <lamp>|switch off the <lamp>|switch the <lamp> off|turn the <lamp> off|put out the <lamp>|lights off <place>|lights out|kill the <lamp>|lamps out <place>|no light is needed <place>|nobody needs the <lamp> now|we don't need the <lamp>|I want to sleep, it's too bright|the <lamp> is still burning|the <lamp> has been on all day|somebody left the <lamp> on|why is the <lamp> on|save electricity <place>|I want complete darkness|make it dark <place>|good night, lights|time to sleep|nobody is <place>, so why is it lit|the <lamp> keeps me awake|I like to sleep in the dark|extinguish the <lamp>|shut off the <lamp>|cut the <lamp>|<lamp> off|the moon is bright enough|the <room> can go dark|lose the <lamp>|daylight is enough" },
  { "light_dim", "dim the <lamp>|dim the <lamp> <place>|turn the <lamp> down|turn down the <lamp>|make the <lamp> softer|lower the <lamp>|the <lamp> is too bright|it's too bright <place>|less light <place>|half the light is enough|a softer light please|set the <lamp> to <number> percent|I'd like a dull glow <place>|just a little glow <place>|not so bright|the light hurts my eyes|it's blinding <place>|make it cosy, but not dark|candlelight mood please|reduce the brightness|reduce the brightness of the <lamp>|bring the <lamp> down a notch|softer <lamp>|the <lamp> is glaring|romantic lighting <place>|mood lighting for dinner|keep the <lamp> on but lower|a bit darker, not off|fade the <lamp>|tone down the <lamp>|dimmer|darker, but leave it on|halve the brightness" },
  { "heat", "<heat_up>|<heat_down>" },
  { "heat_up", "turn up the heating|turn the heating up|turn the heat up <place>|make it warmer|make it warmer <place>|make the <room> warmer|warm up the <room>|heat the <room>|raise the temperature|raise the temperature by <degrees>|set the heating to <degrees>|it's cold|it's freezing <place>|I'm cold|I am freezing|we are shivering <place>|my fingers are numb|my feet are like ice|my toes are frozen|I can see my breath|there is frost on the window|it's like a fridge <place>|it's an icebox <place>|the <room> is freezing|the radiator is cold|more heat please|more warmth <place>|I need a blanket|it is chilly <place>|we could use some warmth|start the boiler|fire up the furnace|it's too cold to sleep|the baby is cold|grandma is cold, do something|<degrees> more|<degrees> is too cold|it shouldn't be this cold|take the chill off|I'm wearing two sweaters and still cold|winter has come, heat the house|switch the heating on|get the <room> to <degrees>|bump the thermostat up|thermostat up" },
  { "heat_down", "turn down the heating|turn the heating down|turn the heat down <place>|make it cooler|make it cooler <place>|make the <room> colder|cool down the <room>|cool the <room>|lower the temperature|lower the temperature by <degrees>|it's hot|it's too hot <place>|I'm sweating|I am melting|we are roasting <place>|it's a sauna <place>|it's like an oven <place>|it's boiling <place>|it's stuffy <place>|the <room> is too warm|the radiator is burning hot|less heat please|less heating <place>|I can't sleep in this heat|nobody needs <degrees>|who set it to <degrees>|<degrees> is too warm|it shouldn't be this warm|I'm wearing a t-shirt in winter|the air is like a desert|save on heating|turn off the radiator|the heating is too high|the heating is much too high|we are wasting gas|stop heating the <room>|no need to heat <place>|heating off|drop the temperature|the chocolate is melting|the plants are drying out in this heat|bring it down to <degrees>|<degrees> less|open a window or turn it down|thermostat down|I'd rather be cool" },
  { "door", "<lock>|<unlock>" },
  { "lock", "lock the <gate>|lock up|lock the <gate> please|lock up the house|bolt the <gate>|bolt it|secure the <gate>|secure the house|make sure the <gate> is locked|is the <gate> locked, if not do it|shut the <gate> and lock it|the <gate> is unlocked and it shouldn't be|the <gate> is still open|keep burglars out|nobody should come in|nobody else is coming tonight|keep strangers out|we are leaving, lock everything|everybody is in, lock the <gate>|I left without locking the <gate>|I forgot to lock the <gate>|did I lock the <gate>|make the house safe for the night|close us in|anyone could walk in|there have been thieves in the street|I feel unsafe with the <gate> open|key in the <gate>, turn it|the <gate> needs to be locked|lock it again|good night, doors|shut up the house|don't let anybody in|turn the key|seal the <gate>|lock behind me|the children must not get out" },
  { "unlock", "unlock the <gate>|unlock the <gate> please|open the <gate>|open up|let me in|let us in|let the <person> in|let the <person> out|let the dog out|the dog wants out|I'm locked out|we are locked out|I can't get in|I forgot my keys|I lost my key|I'm standing in the rain outside|the <person> is at the door|somebody knocks, let them in|release the <gate>|release the bolt|undo the lock|unbolt the <gate>|free the <gate>|the <gate> should be open for the <person>|guests are arriving|the <person> needs to get in|I'm home|we're back|I want to go out|give the <person> access|the <gate> doesn't have to be locked|why is the <gate> locked|don't lock me out|my hands are full, get the <gate>|make way for the <person>|I'm carrying the groceries, open|the firemen must get in|I want to leave and it's bolted" },
  { "person", "guests|plumber|neighbour|postman|children|cleaner|doctor|babysitter|delivery man|electrician|cat|visitors|nurse|friends|courier|gardener|aunt|grandparents|kids|repair man" },
  { "music", "<music_play>|<music_stop>" },
  { "music_play", "play <sound>|play some music|play <sound> <place>|put on <sound>|put <sound> on|start the music|start <sound>|I want to hear <sound>|let me hear <sound>|let's hear <sound>|some music please|music please|a song for dancing|let's dance|I feel like dancing|it's too quiet <place>|the silence is unbearable|the party needs music|we need a soundtrack|something to cook to|sing me something|entertain us|go on with the music|continue the song|resume the playlist|carry on with <sound>|next song|turn on the radio|radio on|tune in to the news|how about some music|dinner without music is dull|I'm in the mood for <sound>|shuffle my songs|it's been silent all day|cheer me up with a song|fill the <room> with music|strike up the band" },
  { "music_stop", "stop the music|stop <sound>|turn off the music|turn off the radio|switch off <sound>|music off|pause the music|pause <sound>|no more music|enough music|enough of <sound>|silence|silence please|quiet please|hush|be quiet|hush, the baby is asleep|I can't concentrate with this noise|I'm on the phone|the phone is ringing, stop that|I have had enough of this song|I can't stand this song|this song is awful|I don't want to hear it any more|kill the music|cut the music|shut up|shut it off|I need quiet to <job>|end the concert|the party is over|no radio now|I want peace|stop playing|that's enough singing|halt the playback|the neighbours are trying to sleep, stop the music|mute everything" },
  { "volume", "<volume_up>|<volume_down>" },
  { "volume_up", "turn it up|turn up the volume|turn the volume up|turn up the music|turn the radio up|louder|louder please|make it louder|make the music louder|I can't hear it|I can hardly hear the song|I can barely hear <sound>|I can't hear the radio <place>|I don't understand a word, it's too quiet|the <sound> is too quiet|the volume is too low|volume up|raise the volume|increase the volume|increase the volume to <number>|pump it up|crank it up|more volume|more sound|full volume|this is my favourite part, louder|speak up|grandpa can't hear the news|it's only a whisper|drown out the neighbours|drown out the traffic|max the volume|let the whole street hear it|boost the sound|give it more power|don't be so shy with the music|quiet? no, the other way" },
  { "volume_down", "turn it down|turn down the volume|turn the volume down|turn down the music|turn the radio down|quieter|quieter please|make it quieter|make the music softer|it's too loud|the music is too loud|the <sound> is too loud|the volume is too high|volume down|lower the volume|decrease the volume|reduce the volume to <number>|not so loud|less volume|less noise|softer|softer music please|my ears hurt|the song is hurting my ears|I can hear it from the street|the neighbours complain about the music|keep playing but quieter|we can't talk over the music|I can't hear myself think|background music, nothing more|the windows are shaking|down with the volume|halve the volume|a little less loud|the bass is too strong|soften the sound|bring the sound down|we have to shout to talk|keep it low, the baby sleeps" },
  { "timer", "<timer_set>|<timer_cancel>" },
  { "timer_set", "set a timer for <span>|set a timer|set an alarm for <span>|set the alarm to <span>|start a timer of <span>|timer for <span>|timer <span>|alarm at <span>|wake me at <span>|wake me up at <span>|wake me in <span>|remind me in <span>|remind me in <span> to <job>|remind me at <span>|remind me to <job>|remind me to <job> in <span>|tell me when <span> are over|tell me when <span> have passed|let me know in <span>|count down from <number>|count down <span>|the <meal> needs <span>|the <meal> takes <span>|the <meal> must come out in <span>|I put the <meal> in, <span>|the <meal> is in the oven for <span>|call me in <span>|give me <span>|don't let me oversleep|I must not miss the bus at <span>|I have to leave in <span>, remind me|ring in <span>|beep in <span>|start counting <span>|I need to be up at <span>|don't let the <meal> burn|a nap of <span>, then wake me|note that I must <job> at <span>|give me a shout in <span>" },
  { "timer_cancel", "cancel the timer|cancel the alarm|cancel my alarm|stop the timer|stop the alarm|delete the timer|delete the alarm|remove the reminder|forget the timer|forget the reminder|forget the <meal>|never mind the alarm|no alarm tomorrow|turn off the alarm|turn off the timer|switch off the alarm|alarm off|no need to remind me|you don't have to remind me|don't remind me|don't wake me|don't wake me tomorrow|let me sleep in|I'm already awake|I'm already up|the <meal> is done already|the <meal> is done, no need to ring|I took the <meal> out|the meeting was cancelled, no alarm|tomorrow is a holiday, no alarm|reset the timer|clear the timer|clear all alarms|I don't need the timer any more|stop counting|stop ringing|stop beeping|it doesn't have to ring|skip the reminder|scrap the countdown|it's Saturday, I want to sleep|I remembered by myself, cancel it|drop the alarm" },
  { "blind", "<blinds_open>|<blinds_close>" },
  { "blinds_open", "open the <cover>|open the <cover> <place>|raise the <cover>|lift the <cover>|pull up the <cover>|pull the <cover> up|draw back the <cover>|roll up the <cover>|<cover> up|<cover> open|up with the <cover>|let the sun in|let in the light|let some daylight in|I want to see the garden|I want to look out|I want to see the sunset|I want to watch the snow|I'd like a view|show me the view|the cat wants to look out|the plants need sun|use the sun instead of lamps|good morning, let me see the day|is the sun shining, show me|I can't see the street|why are the <cover> down|uncover the window|unblock the window|daylight please|it's morning, <cover> up|the film is over, let the daylight in|sunshine please|let me see what the weather is like|don't hide the view|part the <cover>" },
  { "blinds_close", "close the <cover>|close the <cover> <place>|lower the <cover>|pull down the <cover>|pull the <cover> down|draw the <cover>|shut the <cover>|roll down the <cover>|<cover> down|<cover> closed|down with the <cover>|keep the sun out|block the sun|the sun is in my eyes|the sun blinds me|the sun shines on the screen|I can't see the screen, the sun is on it|people can look in|people are staring in|the neighbours are watching us|nobody needs to look into our <room>|I need privacy|some privacy please|I'm getting changed|cover the window|black out the <room>|the street lamp shines in|the film begins, <cover> down|hide us from the street|it's too sunny <place>|protect the carpet from the sun|the sun is fading the sofa|no daylight please|shut out the day|shade the <room>|give us shade <place>|I don't want anybody to look in|the storm is coming, <cover> down|hail is coming, protect the windows" },
  { "plain", "<light>|<heat>|<door>|<music>|<volume>|<timer>|<blind>" },
  { "thing", "glasses|keys|shoes|phone|book|wallet|ring|coat|bag|umbrella|slippers|socks|toy|pen|hat" },
  { "job", "read|sleep|cook|take the bread out|call my mother|feed the cat|water the plants|write a letter|do my homework|check the oven|take my pills|leave for work|stretch|walk the dog|iron my shirt|call the dentist|pick up the kids|work|pay the rent|sew a button on|wash the dishes|pack my suitcase|find my <thing>|study for the exam|turn the roast|get the laundry" },
  { "not", "don't <verb_on> the <object>, <verb_off> it|don't <verb_off> the <object>|do not <verb_on> the <object>|not the <room>, the <room>|not the <room>, only the <room> <lamp>|not the <lamp>, the <cover>|no, not <sound>, <sound>|leave the <object> alone|leave the <object> as it is|the <object> can stay, <plain>|everything but the <object>|don't touch the <object>|I didn't say <plain>|I never said <plain>|it's not too <bad>, it's too <bad>|it's too <bad>, not too <bad>|not <bad>er, <bad>er|I said <plain>, not <plain>|I meant <plain>|not <span>, <span>|no more <sound>, but leave the <object>|don't <plain>, <plain>|instead of that <plain>|stop, I meant the <room>" },
  { "verb_on", "turn on|open|raise|start|lock|unlock|lift|play|turn up" },
  { "verb_off", "turn off|close|lower|stop|unlock|lock|dim|pause|turn down" },
  { "object", "<lamp>|<gate>|<cover>|heating|music|radio|alarm|timer|volume|thermostat|radiator|television" },
  { "bad", "hot|cold|loud|quiet|bright|dark|warm|cool|high|low|early|late" },
  { "contrast", "<plain> rather than the <object>|<plain>, but leave the <object>|<plain>, not the <object>|<plain> instead of the <object>|<plain> and keep the <object> as it is|now that the <object> is <state>, <plain>|the <object> is <state>, so <plain>|the <object> is <state> enough, it's the <object> that I mean|forget the <object>, <plain>|after the <object>, <plain>|if the <object> is <state>, <plain>|since the <object> is <state>, <plain>|the <object> may stay <state>|the <object> went <state> by itself, fix it|the <object> is <state> and it shouldn't be|who left the <object> <state>" },
  { "state", "on|off|open|closed|locked|unlocked|up|down|too loud|quiet|ready|broken|fine|warm|cold|dark|bright" },
  { "already", "I <did> the <object> by mistake, undo it|you <did> the <object>, now <plain>|it is <state> already, <plain>|undo that|do it again|the other way round|you did the wrong <room>|change it back|that was too much|more|a bit more|less|not enough|back to normal|as before|the opposite" },
  { "did", "locked|unlocked|opened|closed|turned on|turned off|raised|lowered|dimmed|stopped|started" },
  { "scene", "movie night, <plain>|bed time, <plain>|good morning, <plain>|good night, <plain>|the guests are here, <plain>|the baby is asleep, <plain>|I have a headache, <plain>|it's raining, <plain>|it's snowing, <plain>|I'm going out, <plain>|we're having dinner, <plain>|I'm working from home today, <plain>|the sun is setting, <plain>|I have just come home, <plain>|the neighbours are complaining, <plain>|I'm in the bath, <plain>|the phone is ringing, <plain>" },

  /* ---- films, books, opinions ---- */
  { "film", "<verdict>|<verdict>|<the_work> is <very> <good>|<the_work> is <very> <poor>|<the_work> is <good> and <good>|<the_work> is <poor> and <poor>|<the_work> is <good> but <poor>|<the_work> is <poor>, but <good>|a <good>, <good> <work>|a <poor>, <poor> <work>|a <good> <work> about <topic>|a <poor> <work> about <topic>|<a_good> <part>, <a_poor> <part>|the <part> is <good>|the <part> is <poor>|the <part> is <very> <good>, the <part> <poor>|despite <a_good> <part>, the <work> is <poor>|despite <a_poor> <part>, the <work> is <good>|<maker> has made a <good> <work>|<maker> has made a <poor> <work>|<maker> gives a <good> performance|<maker> gives a <poor> performance|it's <very> <good>|it's <very> <poor>|neither <good> nor <good>|not <very> <good>|never <poor>|hardly <good>|as <good> as it is <good>|too <poor> to be <good>|<good> enough to forgive the <poor> <part>|one of the most <good> <work>s of the year|one of the least <good> <work>s in years|the most <poor> <work> I have ever seen|a <work> that <does_good>|a <work> that <does_poor>|<the_work> <does_good>|<the_work> <does_poor>|<does_good>|<does_poor>|a <work> for people who like <topic>|if you like <topic>, you will <love> it|<who> will <love> this <work>|I <love> the <part>|I <love> every minute of it|you will <love> it or <hate> it|i <hate> this <work>|the <part> and the <part> are <good>|the <part> and the <part> are <poor>" },
  { "the_work", "the film|the movie|this movie|this film|it|the story|the picture|this comedy|the drama|the sequel|the documentary|the thriller|the novel|this book|the play|the series|the show|the cartoon|the romance|the remake|the whole thing|the result|the director's latest|this" },
  { "work", "film|movie|comedy|drama|story|thriller|documentary|picture|sequel|romance|adventure|horror film|love story|cartoon|war film|western|musical|farce|satire|biography|fable|portrait|mystery|tale|experience|action movie|family film|character study|melodrama" },
  { "part", "script|acting|plot|ending|dialogue|music|photography|direction|cast|pacing|humour|story|characters|performances|special effects|editing|screenplay|first half|second half|beginning|jokes|premise|romance|suspense|action|soundtrack|visuals|chemistry between the leads|storytelling|animation|costumes|message" },
  { "a_good", "a <good>|a <good>|an excellent|an interesting|an original" },
  { "a_poor", "a <poor>|a <poor>|an awful|an empty|an uneven" },
  { "very", "very|really|so|truly|quite|rather|extremely|surprisingly|often|always|never less than|consistently|utterly|at times|fairly|deeply|genuinely|incredibly|mostly|too||" },
  { "good", "funny|moving|touching|beautiful|brilliant|clever|charming|delightful|exciting|fascinating|fresh|gripping|heartfelt|hilarious|honest|imaginative|inspired|intelligent|lovely|powerful|refreshing|rich|smart|stunning|subtle|sweet|tender|thoughtful|thrilling|warm|wise|witty|wonderful|well made|well acted|enjoyable|entertaining|engaging|compelling|absorbing|poignant|sincere|stylish|satisfying|memorable|excellent|great|superb|marvellous|perfect|original|likable|uplifting|unforgettable|graceful|elegant|sharp|lively|amusing|terrific|good|fun|worthwhile|humane|vivid|magnificent|daring|haunting|solid|impressive|joyous|remarkable|sensitive|captivating|provocative" },
  { "poor", "boring|dull|bad|awful|terrible|stupid|silly|slow|tedious|predictable|flat|empty|shallow|clumsy|dreadful|ugly|pointless|lifeless|tired|weak|forgettable|confusing|pretentious|sentimental|overlong|unfunny|annoying|disappointing|messy|mediocre|painful|poor|routine|cheap|derivative|formulaic|lame|ridiculous|stale|uninspired|unoriginal|badly written|badly acted|preachy|heavy-handed|incoherent|bland|contrived|muddled|hollow|implausible|soulless|dumb|depressing|monotonous|trite|vulgar|disjointed|unconvincing|irritating|sluggish|laughable|offensive|generic|amateurish|dreary|pathetic|manipulative|thin|clichéd|unbearable|wooden" },
  { "verdict", "a waste of time|a waste of money|well worth seeing|worth every penny|not worth the ticket|a masterpiece|a disaster|a complete mess|a treat for the whole family|a triumph|a failure on every level|a must see|skip it|don't miss it|don't bother|save your money|go and see it|I walked out after an hour|I fell asleep|I cried at the end|I laughed out loud|I laughed until I cried|nobody in the cinema laughed|I want my two hours back|I could watch it again and again|once is more than enough|the best film of the year|the worst film of the year|I have seen worse|I have seen better|it could have been so much better|it deserves an award|it left me cold|it stayed with me for days|instantly forgettable|hard to sit through|hard to forget|it drags on and on|time flies|there is nothing new here|there is much to enjoy|there is little to enjoy|a joy from start to finish|a pleasant surprise|a bitter disappointment|good fun for everyone|better than the first one|not as good as the book|an insult to the audience|the critics were right|the critics were wrong|two thumbs up|a real gem|a guilty pleasure|it's all style and no substance|it runs out of ideas|it never takes off|it works|it doesn't work|it almost works|it's no classic, but it's fun|I recommend it|I can't recommend it" },
  { "does_good", "makes you laugh and cry|holds your attention to the end|touches the heart|never loses its way|leaves you smiling|makes you think|finds beauty in small things|celebrates life|gives you hope|keeps you on the edge of your seat|surprises at every turn|treats its characters with respect|tells a simple story well|works on every level|gets everything right|brings the past to life|earns its tears|captures the spirit of the book|rewards patience|has a big heart|is full of life|shines with talent|transcends its genre|will please the whole family|grabs you from the first scene|has something to say|never insults your intelligence|offers real insight" },
  { "does_poor", "goes nowhere|falls apart in the second half|never comes to life|wastes a talented cast|tries too hard|bores you to tears|runs out of steam|makes no sense|lacks energy|lacks humour|has no heart|has nothing to say|is full of clichés|repeats every old joke|collapses under its own weight|takes itself too seriously|fails to convince|insults the audience|drags along|feels much too long|leaves you cold|never finds its rhythm|gets lost in details|is a chore to watch|deserves to be forgotten|has too many characters and no story|is dead on arrival|loses interest in its own plot|gives you a headache|doesn't know how to end|offers no surprises" },
  { "maker", "the director|the young director|the leading actress|the leading actor|the writer|the star|the cast|the author|the team|the newcomer|the veteran actor|the composer|she|he" },
  { "topic", "love and loss|growing up|a family in crisis|war|friendship|old age|revenge|a bank robbery|life in a small town|music|two brothers|a lost dog|the end of the world|loneliness|teenagers|politics|a teacher and his pupils|immigrants|a murder|vampires|aliens|football|dancing|marriage|divorce|the sea|a road trip|poverty|art|faith|computers|spies|a queen|soldiers|a detective|first love|crime|ghosts|racing cars|cooking|animals|science" },
  { "love", "love|adore|enjoy|like|admire|appreciate|remember|treasure" },
  { "hate", "hate|dislike|loathe|regret|despise|forget|resent" },
  { "who", "children|parents|fans|teenagers|grown-ups|audiences|critics|everybody|nobody|lovers of <topic>|women|men|film students|the whole family|young viewers" },

  /* ---- everyday talk ---- */
  { "talk", "<travel>|<shop>|<weather>|<feeling>|<food>|<question>|<question>|<work_day>|<health>|<news>|<people>|<people>|<tech>|<fact>|<fact>" },
  { "travel", "what time does the <vehicle> to <city> leave|the <vehicle> to <city> is <late>|I'd like a ticket to <city>|book a flight from <city> to <city> on <day>|how much is a <vehicle> ticket to <city>|show me flights to <city> in the <daytime>|which airline flies from <city> to <city>|is there a hotel near the station|our hotel in <city> was <good>|our hotel in <city> was <poor>|we missed the <vehicle>|we spent <number> days in <city>|the museum in <city> is closed on <day>|how do I get to the airport|where can I rent a car|the flight lands at <span>|my suitcase is lost|our train was delayed by <span>|<city> is <good> in spring|I have never been to <city>|drive carefully, the road is icy|turn left at the traffic lights|the beach was crowded|is breakfast included|I would like to change my reservation|list the cheapest fares to <city>|a round trip to <city>, business class" },
  { "vehicle", "train|bus|plane|ferry|night train|boat|coach|tram" },
  { "late", "late|delayed|cancelled|on time|full|early|fast|expensive|leaving now" },
  { "city", "Boston|London|Paris|Denver|Berlin|Rome|Chicago|Dallas|Madrid|Tokyo|New York|Atlanta|Philadelphia|Vienna|Oslo|Lisbon|San Francisco|Pittsburgh|Baltimore|Sydney|Cairo|Delhi|Moscow|Toronto|Seattle|Beijing" },
  { "day", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|the weekend|Christmas|my birthday|the first of May" },
  { "daytime", "morning|afternoon|evening|night" },
  { "shop", "how much does this <good_thing> cost|I bought a new <good_thing> for <number> dollars|the <good_thing> is <cheap>|this <good_thing> is too <size>|do you have it in blue|can I pay by card|I want my money back|the <good_thing> broke after <number> days|the <good_thing> works perfectly|the shop is closed on <day>|where did you get that <good_thing>|the <good_thing> arrived <late>|I would buy it again|I will never buy there again|the quality is <good>|the quality is <poor>|customer service was <good>|customer service was <poor>|return the <good_thing> to the shop|there is a sale at the department store|prices have gone up again|we need milk, bread and <number> eggs|add butter to the shopping list|my order has not arrived|the refund took <number> weeks|the battery lasts <number> hours" },
  { "good_thing", "phone|jacket|pair of shoes|laptop|washing machine|sofa|bicycle|camera|dress|watch|toaster|vacuum cleaner|television|mattress|backpack|headset|printer|coat|lamp|table|chair|car" },
  { "cheap", "cheap|expensive|on sale|sold out|half price|a bargain|overpriced|free|worth the money" },
  { "size", "big|small|long|short|tight|heavy|expensive|old" },
  { "weather", "it is <going> today|it was <going> yesterday|it will be <going> tomorrow|will it rain on <day>|do I need an umbrella|what is the weather like in <city>|a storm is coming from the <side>|the sun is shining|the snow is melting|the wind is strong|the roads are icy|there is fog in the valley|it has been raining for <number> days|the river is rising|it's too <bad> for a walk|what a <good> day|what a <poor> day|temperatures fall below zero at night|the forecast promises sunshine|heavy rain flooded the streets of <city>|summer is over|spring has come early|the hottest day of the year" },
  { "going", "raining|snowing|sunny|windy|cloudy|foggy|freezing|warm|cold|stormy|humid|mild|dry|hot" },
  { "side", "north|south|east|west|sea|mountains" },
  { "feeling", "I am <mood>|I feel <mood> today|she is <mood> about the <event>|he was <mood> when I told him|we are <mood> to see you|don't be <mood>|why are you so <mood>|I'm <mood> of the <event>|the <event> made me <mood>|I have never been so <mood>|are you <mood>|I am not <mood> any more|you look <mood>|I can't stop thinking about the <event>|I miss you|I love you|thank you for everything|I am sorry about the <event>|what a relief|it breaks my heart|I can't believe it|that's wonderful news|that's terrible news|congratulations on the <event>|leave me alone|I don't care|I hope so|I wish you were here" },
  { "mood", "happy|sad|angry|tired|afraid|proud|lonely|excited|nervous|bored|worried|grateful|jealous|surprised|disappointed|calm|hungry|thirsty|sick|hopeful|ashamed|confused|glad|upset|furious|delighted|curious|annoyed|relieved|embarrassed" },
  { "event", "exam|wedding|party|interview|accident|meeting|divorce|move|game|concert|operation|funeral|new job|holiday|letter|result|argument|baby|trip|election" },
  { "food", "the <dish> was <taste>|I'd like the <dish>, please|a table for <number>, please|the waiter was <mood>|how long do you cook <meal>|add salt to the <dish>|cut the onions and fry them in butter|mix flour, sugar and <number> eggs|bake the <dish> for <span>|this <dish> is too <taste>|I am allergic to nuts|is the <dish> vegetarian|the bill, please|best <dish> in <city>|the <dish> tasted like cardboard|can I have the recipe|breakfast is ready|I don't drink coffee|there's a new restaurant in <city>|boil the <meal> for <span>|the fridge is empty|dinner is getting cold" },
  { "dish", "soup|pizza|salad|steak|curry|fish|burger|cake|ice cream|omelette|lasagne|stew|sandwich|sushi|pie|risotto|chocolate cake|roast chicken|apple pie" },
  { "taste", "delicious|salty|cold|spicy|sweet|bland|burnt|fresh|sour|greasy|excellent|awful|overcooked|raw|tasty|bitter" },
  { "question", "who <past> the <object2>|what is the <fact_of> of <city>|when does the <place2> open|where is the nearest <place2>|why did the <object2> stop working|how do you spell that|how many people live in <city>|what does this word mean|is it true that <fact>|do you know whether <fact>|can you explain <topic>|what's the difference between a <good_thing> and a <good_thing>|how old is the <place2>|which <good_thing> should I buy|what happened at the <event>|who is the president of <country>|where were you on <day>|how far is it from <city> to <city>|what do you think of the <work>|did you like the <dish>|could you repeat that|what time is it in <city>|how can I learn <subject>|who wrote the <work>|what is the capital of <country>|should I study <subject>" },
  { "past", "invented|broke|stole|bought|painted|found|sold|built|lost|repaired|opened|forgot" },
  { "object2", "computer|engine|clock|bridge|telephone|window|machine|picture|key|elevator|heater|camera|boat|piano" },
  { "fact_of", "population|history|mayor|climate|area|name|airport code|oldest building" },
  { "place2", "bank|museum|library|pharmacy|post office|hospital|school|station|swimming pool|supermarket|cinema|church|park|theatre|bakery" },
  { "country", "France|Germany|Japan|Brazil|Canada|India|Egypt|Sweden|Mexico|China|Italy|Kenya|Australia|Poland" },
  { "subject", "English|mathematics|physics|history|chemistry|law|medicine|programming|painting|the piano|economics|biology|chess|Spanish" },
  { "work_day", "the meeting is on <day> at <span>|please send me the report by <day>|I quit my job|he was promoted|she works in a <place2>|the boss is <mood>|the project is <late>|our company has <number> employees|can we move the meeting to <day>|I will be late|I'm working from home|the deadline is <day>|the customer is <mood>|we hired <number> engineers|please find the document attached|the salary is <poor>|the office is <good>|I have an interview on <day>|the printer is out of paper|she studies <subject> at the university|my contract ends in <span>|I need a day off" },
  { "health", "I have a headache|my back hurts|my tooth hurts|I have a fever|take <number> pills a day|the doctor said I should rest|she broke her leg|he is in hospital|I can't sleep|I need an appointment on <day>|the operation went well|the baby has a cough|I am allergic to cats|running is good for you|I go to the gym on <day>|smoking is bad for you|he lost <number> pounds|drink more water|call an ambulance|I feel dizzy" },
  { "news", "the government will raise taxes|prices rose by <number> percent in <country>|the president visited <country> on <day>|<number> people were hurt in an accident near <city>|the team from <city> won <number> to <number>|the election in <country> was close|workers in <city> are on strike|shares fell sharply on <day>|the court found him guilty|scientists have discovered a new planet|a fire destroyed a <place2> in <city>|the company will cut <number> jobs|police arrested <number> men in <city>|the minister denied the report|the striker scored twice in the second half|the bridge in <city> will be closed for <number> months|oil prices are falling|the museum has bought a painting for <number> million dollars|the court in <city> rejected the appeal|the bank said profits had doubled" },
  { "people", "my <relative> lives in <city>|my <relative> is a <trade>|her <relative> was born in <country>|the <trade> <past> the <object2>|the <trade> talked to the <trade>|the <trade> that I met in <city> was <mood>|his <relative> gave him a <good_thing>|she asked the <trade> about the <event>|he said that <fact>|they believe that <fact>|my <relative> and I went to the <place2>|do you know my <relative>|the <relative> of the <trade> <past> it|a <trade> is waiting outside|it was the <trade> who <past> the <object2>|John gave Mary a <good_thing>|the <good_thing> was given to the <trade>|nobody saw the <trade> leave|my <relative> wants to become a <trade>|she is older than her <relative>|he seems to be <mood>|who did the <trade> talk to" },
  { "relative", "mother|father|sister|brother|uncle|aunt|cousin|daughter|son|wife|husband|grandmother|neighbour|best friend|boss|teacher" },
  { "trade", "doctor|teacher|nurse|lawyer|farmer|student|driver|painter|cook|engineer|policeman|waiter|singer|pilot|baker|judge|gardener|plumber|writer|actor|soldier|scientist" },
  { "tech", "my phone won't charge|how do I reset my password|the internet is slow today|restart the computer|the update broke the <object2>|install the app on your phone|delete the file|the screen is cracked|turn off your phone during the <work>|send me a message|I can't open the attachment|the website is down|backup your photos|the <good_thing> needs a new battery|search for <topic>|call <relative> on the phone|what is the wifi password|take a picture of it|the software is <good>|the software is <poor>|the robot can clean the <room>" },
  { "fact", "cats sleep most of the day|the earth goes round the sun|water boils at a hundred degrees|<city> is larger than <city>|the <place2> opens at <span>|the <place2> is next to the <place2>|dogs can smell better than people|plants need light and water|<country> is famous for its <dish>|the old <place2> was built by a <trade>|children learn faster than grown-ups|a <good_thing> weighs more than a <thing>|the <object2> belongs to my <relative>|the war lasted <number> years|most people like <dish>|there are <number> <place2>s in <city>|<subject> is harder than <subject>|iron is heavier than wood|honey never spoils|the moon has no air" },
};
enum { RULES = (int)(sizeof rules / sizeof *rules), LINE = 4096 };

static uint64_t state;

static uint32_t below(uint32_t n) {        /* splitmix64 */
  uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)(((z ^ (z >> 31)) >> 32) * n >> 32);
}

/* Appends one alternative of a rule to line. */
static void expand(char *line, const char *name, size_t n, int depth) {
  const char *s = NULL, *end;
  uint32_t bars = 0, pick;
  int i;
  for (i = 0; i < RULES; i++)
    if (strlen(rules[i].name) == n && memcmp(rules[i].name, name, n) == 0) s = rules[i].text;
  if (!s || depth > 20) {
    fprintf(stderr, "texts: no rule \"%.*s\"\n", (int)n, name);
    exit(1);
  }
  for (end = s; *end; end++) bars += *end == '|';
  for (pick = below(bars + 1); pick; s++) pick -= *s == '|';
  for (; *s && *s != '|'; s++) {
    size_t used = strlen(line);
    if (*s == '<') {
      end = strchr(s, '>');
      expand(line, s + 1, (size_t)(end - s - 1), depth + 1);
      s = end;
    } else if (used + 1 < LINE) {
      line[used] = *s;
      line[used + 1] = 0;
    }
  }
}

/* Letters and digits in lower case, single blanks: how sentences are compared. */
static void bare(char *out, const char *s) {
  size_t n = 0;
  for (; *s && n + 2 < LINE; s++) {
    if (isalnum((unsigned char)*s)) out[n++] = (char)tolower((unsigned char)*s);
    else if (n && out[n - 1] != ' ') out[n++] = ' ';
  }
  while (n && out[n - 1] == ' ') n--;
  out[n] = 0;
}

/* People write with capitals and full stops, or without. */
static void dress(char *line) {
  size_t i, n, k = 0;
  for (i = 0; line[i]; i++)              /* alternatives may be empty: no two blanks, none before punctuation */
    if (!(line[i] == ' ' && (k == 0 || line[k - 1] == ' ' || line[i + 1] == ' ' || line[i + 1] == ',' || line[i + 1] == 0))) line[k++] = line[i];
  line[n = k] = 0;
  if (n && below(2)) line[0] = (char)toupper((unsigned char)line[0]);
  for (i = 2; i < n; i++)
    if (line[i - 2] == '.' && below(4)) line[i] = (char)toupper((unsigned char)line[i]);
  if (n && n + 2 < LINE && isalnum((unsigned char)line[n - 1])) {
    uint32_t mark = below(10);
    if (mark < 4) strcat(line, mark < 3 ? "." : "!");
  }
}

typedef char sentence[256];

static int is_taken(const char *s, const sentence *taken, long count) {
  static char key[LINE];
  long i;
  bare(key, s);
  for (i = 0; i < count; i++)
    if (strcmp(key, taken[i]) == 0) return 1;
  return 0;
}

int main(int argc, char **argv) {
  static char line[LINE], key[LINE];
  sentence *taken;
  long lines = argc > 1 ? strtol(argv[1], NULL, 10) : 0, taken_count = 0;
  int a;
  if (lines < 1) {
    fprintf(stderr, "usage: texts LINES [SEED [FILE ...]]\n");
    return 2;
  }
  state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  taken = (sentence *)calloc(100000, sizeof *taken);
  for (a = 3; taken && a < argc; a++) {
    FILE *f = fopen(argv[a], "r");
    if (!f) {
      fprintf(stderr, "texts: %s cannot be opened\n", argv[a]);
      return 1;
    }
    while (taken_count < 100000 && fgets(line, sizeof line, f)) {
      char *tab = strchr(line, '\t');
      bare(key, tab ? tab + 1 : line);
      strncpy(taken[taken_count++], key, 255);
    }
    fclose(f);
  }
  if (!taken) return 1;
  while (lines) {
    char *part, *next;
    int known = 0;
    line[0] = 0;
    expand(line, "line", 4, 0);
    dress(line);
    for (part = line; part && !known; part = next) {       /* the line from each of its sentences on, and each sentence */
      next = strstr(part, ". ");
      known = is_taken(part, taken, taken_count);
      if (!next) continue;
      *next = 0;
      known |= is_taken(part, taken, taken_count);
      *next = '.';
      next += 2;
    }
    if (known) continue;
    puts(line);
    lines--;
  }
  free(taken);
  return 0;
}
