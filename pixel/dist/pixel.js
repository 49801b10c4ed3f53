/* Footfall pixel, MIT licence. Readable source: pixel/src/pixel.js */
(()=>{'use strict';const ay=150;const az=3000;const T=20;const at=48000;const U=32768;const aw=64;const ax=100;const au=2000;const av=300000;const S=10;const t=document.currentScript||document.querySelector('script[data-site][src]');let f=window.footfall;if(f&&f.loaded)return;function e(bu,h){if(t&&t.hasAttribute('data-debug'))console.info('footfall: '+bu,h||'');}
function b(H){return(...o)=>{try{return H(...o);}catch(m){try{e('error',m);}catch(bv){}}};}
b(bq)();function bq(){const A=t&&t.getAttribute('data-site');if(!A)return console.warn('footfall: the script tag has no data-site; nothing is sent');if(!/^https?:$/.test(location.protocol))return e('not a web page; nothing is sent');if(document.prerendering){f=window.footfall=f||((...o)=>{(f.q=f.q||[]).push(o);});return document.addEventListener('prerenderingchange',b(()=>an(A)),{once:true});}
an(A);}
function an(A){const o=t.getAttribute('data-endpoint');const ab=o?new URL(o,location.href).href:new URL(t.src).origin+'/collect';let p=w(location.href);let Q=null;let al=w(document.referrer);let u=null;let ao=0;let Y=0;function w(g){try{const G=new URL(g);G.username=G.password=G.hash='';return G.href;}catch(m){return'';}}
function X(){return Math.floor(Date.now());}
function bj(E){const j=crypto.getRandomValues(new Uint8Array(10));j[0]=0x70|((Y>>8)&0x0f);j[1]=Y++&0xff;j[2]=0x80|(j[2]&0x3f);const br=Array.from(j,(be)=>(be+256).toString(16).slice(1)).join('');return(E.toString(16).padStart(12,'0')+br).replace(/^(.{8})(.{4})(.{4})(.{4})/,'$1-$2-$3-$4-');}
function aj(v){const E=X();const d={id:bj(E),type:v,occurred_at:E,url:w(location.href),title:document.title,referrer:al,screen:screen.width+'x'+screen.height,viewport:innerWidth+'x'+innerHeight,language:navigator.language};if(navigator.globalPrivacyControl)d.gpc=true;if(navigator.doNotTrack==='1')d.dnt=true;return d;}
function P(ae){O();p=w(location.href);if(ae==='spa')al=Q;Q=p;u=aj('page_view');u.nav_type=ae;ao=setTimeout(b(O),ay);}
function O(){if(!u)return;clearTimeout(ao);u.title=document.title;ak(u);u=null;r(0);}
function ai(bn){const ad=p;p=w(location.href);if(!Q||p===ad)return;if(bn&&new URL(p).pathname===new URL(ad).pathname)return;P('spa');}
function bf(v,F){if(typeof v!=='string'||!/^[^\x00-\x1f\x7f]{1,64}$/.test(v)){return e('ignored: the first argument is a type of 1 to 64 characters',v);}
const d=aj(v);const i=bm(F||{});if(Object.keys(i).length)d.props=i;ak(d);r(c.length<T?az:0);}
function bm(F){const i=Object.create(null);const z=F.revenue;if(z){const I=parseFloat(z.amount);const Z=String(z.currency).toUpperCase();if(isFinite(I)&&I==z.amount&&/^[A-Z]{3}$/.test(Z)){i.revenue=I;i.currency=Z;}else{e('left out: revenue is {amount: number, currency: three letters}',z);}}
const h=F.props;if(h&&typeof h==='object'&&!Array.isArray(h)){Object.keys(h).forEach((C)=>{if(C in i||Object.keys(i).length>=aw)return e('left out: property',C);i[C]=h[C];});}else if(h){e('left out: props is an object',h);}
return i;}
let c=[];let M=0;let B=0;let aa=0;let k=0;let y=0;function j(g){return new TextEncoder().encode(g).length;}
function ak(d){if(c.length+M>=ax)return e('dropped: the queue is full',d);let g;try{g=JSON.stringify(d);}catch(m){e('left out: props that cannot be JSON',m);delete d.props;g=JSON.stringify(d);}
g=g.replace(/(\\\\)|\\ud[89a-f][0-9a-f]{2}/g,(bw,bd)=>bd||'\\ufffd');if(j(g)>U)return e('dropped: larger than '+U+' bytes',d);c.push(g);}
function r(bg){const K=Math.max(performance.now()+bg,y);if(B&&aa<=K)return;clearTimeout(B);aa=K;B=setTimeout(b(()=>ac(false)),K-performance.now());}
function bs(){let ap=0;let q=0;while(q<c.length&&q<T){ap+=j(c[q])+1;if(q&&ap>at)break;q++;}
return c.splice(0,q);}
function ac(D){clearTimeout(B);B=0;const af=k>0;const L=[];while(c.length&&(D||!af||!L.length))L.push(bs());L.forEach((a)=>{if(!bp(a,D)||!af)return;c=c.concat(a);r(0);});}
function bp(a,D){const x='{"site":'+JSON.stringify(A)+',"sent_at":'+X()+
',"events":['+a.join()+']}';if(D&&W(x)){aq(a,'beacon');return true;}
M+=a.length;let am;try{am=window.fetch(ab,{method:'POST',body:x,keepalive:true,credentials:'omit'});am.then(b((V)=>J(a,V.status,V.headers.get('retry-after'))),b(()=>J(a,0)));}catch(m){e('fetch failed',m);J(a,W(x)?'beacon':0);}}
function W(x){try{return navigator.sendBeacon(ab,x);}catch(m){return false;}}
function J(a,l,s){M-=a.length;aq(a,l);if(l&&l!==408&&l!==429&&!(l>=500)){if(l>=400)e('dropped: the collector refused with '+l,a);const bt=k>0;k=y=0;if(bt&&c.length)r(0);return;}
c=a.concat(c);if(performance.now()>=y){k++;if(k>S){e('dropped: no answer after '+S+' attempts',c);c=[];k=0;return;}
const R=Math.min(au*Math.pow(2,k-1),av);y=performance.now()+Math.max(R*(0.5+Math.random()/2),bc(s));}
r(0);}
function bc(s){if(!s)return 0;const R=/^\d+$/.test(s)?s*1000:Date.parse(s)-Date.now();return Math.min(R||0,3600000);}
function aq(a,bl){const bh={status:bl,events:JSON.parse('['+a.join()+']')};document.dispatchEvent(new CustomEvent('footfall-sent',{detail:bh}));}
function ar(H){if(document.visibilityState==='visible')return H();const ah=b(()=>{if(document.visibilityState!=='visible')return;document.removeEventListener('visibilitychange',ah);H();});document.addEventListener('visibilitychange',ah);}
const ag=b(()=>{O();ac(true);});['pushState','replaceState'].forEach((N)=>{const bk=history[N];const ba=b(ai);history[N]=function(){const bo=bk.apply(this,arguments);ba(N==='replaceState');return bo;};});addEventListener('popstate',b(()=>ai(false)));addEventListener('pageshow',b((d)=>{if(d.persisted)ar(()=>P('bfcache'));}));document.addEventListener('visibilitychange',b(()=>{if(document.visibilityState==='hidden')ag();}));addEventListener('pagehide',ag);addEventListener('online',b(()=>{y=0;if(c.length)r(0);}));const n=b(bf);n.loaded=true;n.q={push:b((bb)=>n(...bb))};const bi=(f&&f.q)||[];if(f)f.q=n.q;window.footfall=n;ar(b(()=>P('load')));Array.prototype.forEach.call(bi,n.q.push);}})();
