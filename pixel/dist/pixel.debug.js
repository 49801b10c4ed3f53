/* Footfall 0.2.0, MIT */
(()=>{function N(t){return(...i)=>{try{return t(...i)}catch{}}}function S(t,i,a,s){i.split(" ").map(r=>t.addEventListener(r,N(a),!s))}var D=`
[hidden] { display: none !important; }
:host { all: initial; position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; }
section { box-sizing: border-box; width: min(440px, calc(100vw - 24px)); max-height: min(70vh, 560px); display: flex;
  flex-direction: column; overflow: hidden; border-radius: 12px; background: #14201b; color: #e6efe9;
  font: 13px/1.45 system-ui, "DejaVu Sans", sans-serif; box-shadow: 0 10px 34px rgb(0 0 0 / .35); }
header { display: flex; align-items: center; gap: 10px; padding: 10px 14px; background: #1d2d26; }
h1 { font: inherit; font-weight: 700; margin: 0 auto 0 0; }
button { font: inherit; color: inherit; background: #31473d; border: 0; border-radius: 7px; padding: 3px 10px; cursor: pointer; }
button:focus-visible { outline: 2px solid #9fe0b3; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 0; padding: 10px 14px; }
dt { color: #93a79c; }
dd { margin: 0; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; overflow: auto; border-top: 1px solid #2b3d34; }
li { border-bottom: 1px solid #24352d; }
summary { display: flex; gap: 10px; padding: 6px 14px; cursor: pointer; }
summary b { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary time { color: #93a79c; }
.ok { color: #7fdc9b; }
.trouble { color: #f6b26b; }
pre { margin: 0; padding: 0 14px 10px; font: 11.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; color: #c3d4ca; }
p { margin: 0; padding: 12px 14px; color: #93a79c; }
`,I=["0 · nothing that tells people apart","1 · no storage","2 · session id","3 · visitor id"],T=100;function o(t,i,a="",s=""){let r=document.createElement(i);return r.textContent=a,s&&(r.className=s),t.append(r),r}function j(t){return t==="beacon"?["beacon","ok"]:t?[""+t,t<300?"ok":"trouble"]:["no answer, again later","trouble"]}window.footfall("use",({options:t,state:i})=>{let a=document.createElement("footfall-debug");a.dataset.footfallIgnore="";let s=a.attachShadow({mode:"open"}),r=new CSSStyleSheet;r.replaceSync(D),s.adoptedStyleSheets=[r];let d=o(s,"section");d.setAttribute("aria-label","Footfall: what the pixel sent");let f=o(d,"header");o(f,"h1","Footfall "+i().version);let w=o(f,"button","fold"),k=o(f,"button","close"),u=o(d,"dl"),c=o(d,"ol"),y=o(d,"p","Nothing was sent yet."),x={};function m(){let e=i();u.replaceChildren();let n={site:t.site,view:e.view?.url||"none yet",tier:(e.out?"opted out, ":"")+I[e.tier]+(e.consent===void 0?" (default)":""),session:x.session||"none",visitor:x.visitor||"none",queue:`${e.queued} waiting, ${e.lost} lost`};Object.keys(n).forEach(l=>{o(u,"dt",l),o(u,"dd",n[l])})}let h=new Map;function E(e,n){y.hidden=!0;let[l,L]=j(n),p=h.get(e.id);if(!p){let g=document.createElement("li");c.prepend(g);let v=o(g,"details"),b=o(v,"summary");for(o(b,"time",new Date(e.occurred_at).toLocaleTimeString()),o(b,"b",e.type),p={item:g,mark:o(b,"span")},o(v,"pre",JSON.stringify(e,null,1)),h.set(e.id,p);c.children.length>T;)c.lastChild.remove()}p.mark.textContent=l,p.mark.className=L}S(document,"footfall-sent",({detail:{status:e,events:n}})=>{n.forEach(l=>E(l,e)),x=n[n.length-1],m()}),w.addEventListener("click",()=>{let e=!c.hidden;[u,c].forEach(n=>{n.hidden=e}),y.hidden=e||h.size>0,w.textContent=e?"unfold":"fold"}),k.addEventListener("click",()=>{clearInterval(C),a.remove()});let C=setInterval(m,1e3);m(),document.body.append(a)});})();
