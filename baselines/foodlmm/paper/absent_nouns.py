"""Things that are in no photo of a meal, to be asked for in vain.

FoodLMM asks for nouns of its own list (404 with repetitions), among them tableware and seasonings that many photos do
show, so that a right mask would be scored as wrong. Here is neither food, drink, seasoning or any animal or plant that
is eaten, nor tableware, table linen, furniture, clothes, hands, or what else lies beside a plate.
"""

from __future__ import annotations

_ANIMALS = (
    "elephant,giraffe,zebra,lion,tiger,leopard,cheetah,panther,wolf,fox,hyena,jackal,bear,polar bear,panda,koala,"
    "kangaroo,wombat,sloth,monkey,gorilla,chimpanzee,orangutan,lemur,baboon,hippopotamus,rhinoceros,camel,llama,moose,"
    "otter,beaver,badger,raccoon,skunk,weasel,hedgehog,porcupine,bat,squirrel,chipmunk,hamster,mouse,rat,cat,"
    "puppy,kitten,eagle,falcon,hawk,owl,vulture,parrot,toucan,flamingo,pelican,penguin,peacock,swan,stork,woodpecker,"
    "hummingbird,crow,seagull,chameleon,gecko,iguana,crocodile,tortoise,cobra,toad,dragonfly,butterfly,moth,beetle,"
    "ladybird,mosquito,spider,scorpion,dolphin,walrus,seal,jaguar,armadillo,meerkat,platypus,anteater"
)
_VEHICLES = (
    "car,taxi,bus,truck,van,ambulance,fire engine,tractor,bulldozer,excavator,forklift,motorcycle,scooter,bicycle,"
    "tricycle,unicycle,skateboard,tram,train,locomotive,subway,monorail,aeroplane,helicopter,glider,hot-air balloon,"
    "airship,rocket,satellite,spaceship,sailing boat,canoe,kayak,ferry,submarine,yacht,raft,cruise ship,lifeboat,"
    "cable car,carriage,sledge,wheelbarrow,caravan,limousine,crane truck,hovercraft,snowmobile"
)
_PLACES = (
    "skyscraper,castle,lighthouse,windmill,bridge,tunnel,church,mosque,pagoda,pyramid,stadium,airport,railway station,"
    "bus stop,traffic light,street lamp,road sign,parking meter,fire hydrant,letterbox,fountain,statue,monument,tent,"
    "igloo,barn,greenhouse,garage,chimney,roof,staircase,escalator,lift,fence,gate,mountain,volcano,glacier,waterfall,"
    "river,desert,canyon,cliff,cave,rainbow,lightning,tornado,moon,planet,comet,harbour,pier,dam,power station"
)
_THINGS = (
    "piano,violin,cello,harp,guitar,trumpet,trombone,saxophone,clarinet,accordion,harmonica,xylophone,tambourine,"
    "bagpipes,microscope,telescope,binoculars,globe,compass,sextant,barometer,abacus,typewriter,printer,projector,"
    "television,loudspeaker,gramophone,record player,vacuum cleaner,washing machine,sewing machine,lawnmower,hairdryer,"
    "bathtub,shower,toilet,mattress,pillow,hammock,wardrobe,bookshelf,blackboard,easel,hammer,screwdriver,spanner,saw,"
    "drill,chainsaw,axe,anvil,crowbar,ladder,toolbox,paintbrush,shovel,pitchfork,watering can,torch,anchor,"
    "propeller,parachute,trampoline,surfboard,snowboard,ice skates,roller skates,tennis racket,baseball bat,golf club,"
    "hockey stick,football,volleyball,basketball hoop,boxing gloves,bow and arrow,javelin,dartboard,chessboard,kite,"
    "boomerang,teddy bear,rocking horse,doll's house,puppet,robot,crown,sceptre,throne,suit of armour,shield,sword,"
    "cannon,treasure chest,gravestone,wheelchair,crutches,stethoscope,syringe,bandage,hourglass,grandfather clock,"
    "megaphone,whistle,binder,stapler,paperclip,calculator,protractor,suitcase,rucksack,helmet,goggles,"
    "snorkel,life jacket,fishing rod,lasso,horseshoe,saddle,beehive,bird cage,aquarium,scarecrow,snowman,totem pole,"
    "flagpole,ship's wheel,steering wheel,car tyre,spark plug,bicycle pump,padlock,safe,cash register,ballot box"
)

ABSENT_NOUNS = tuple(noun for group in (_ANIMALS, _VEHICLES, _PLACES, _THINGS) for noun in group.split(","))
